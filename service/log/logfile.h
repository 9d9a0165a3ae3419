/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Logfile: a history that is a folder of segments (log/store.h), with an index beside each. Events
 * that are committed together are one write and one fdatasync.
 *
 * When a commit fails nothing of it counts. What could not be written is cut off again; but after a
 * failed fsync nobody knows what is on the disk, so the segment is sealed where it was good. The
 * next commit writes the same events, with the same numbers.
 *
 * From then on until a commit works, events may be published before they are committed, as long as
 * their numbers are reserved (log/reservation.h), so that no crash makes them free again. The batch
 * goes on taking events then, and drops its oldest when it is full. What was dropped, or reserved
 * before a crash, the history says itself, in events "lost" that the next commit adds.
 */

#include "log/backend.h"
#include "log/index-plan.h"
#include "log/index.h"
#include "log/segment.h"

int logfile_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret);

/* For the reader, of a log that is a logfile: the folder; the segment behind the one that starts
 * with a number; the one that a number is in. NULL if there is none; valid until the log changes.
 */
int logfile_directory_fd(const EventLog *log);
const Segment *logfile_segment_after(const EventLog *log, uint64_t first_seq);
const Segment *logfile_segment_of(const EventLog *log, uint64_t seq);

/* Bytes of all that is kept, events and exit codes. */
uint64_t logfile_total_size(const EventLog *log);

/* As store_segment_for(). */
const Segment *logfile_segment_for(EventLog *log, uint64_t first_seq, const IndexPlan *plan,
                                   uint64_t *passed);

/* What there is of a segment's index, valid until the log changes; and that it is no good. */
Index logfile_index(EventLog *log, const Segment *segment);
void logfile_discard_index(EventLog *log, const Segment *segment);

/* The segment of exit codes that are kept longer (log/exit-records.h) which starts with that number
 * or, if there is none, a greater one. */
const Segment *logfile_exits_from(const EventLog *log, uint64_t first_seq);

/* A reader met a damaged line: said once a segment. */
void logfile_report_damage(EventLog *log, uint64_t segment_id, uint64_t offset);
