/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * EventLog: the history, a folder of segments with one writer. Events are appended, which numbers
 * them, and committed together: one write, one fdatasync. Only what is committed can be read
 * (log/log-reader.h), so nothing is published or answered that a power cut could take back.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "log/index-plan.h"
#include "log/index.h"
#include "log/segment.h"

/* What may wait for a commit, so that a writer that never commits is stopped and not fed. */
#define EVENTLOG_BATCH_MAX (4 * 1024 * 1024)

typedef struct EventLog EventLog;

typedef struct EventLogOptions {
        const char *directory;
        uint64_t segment_size; /* bytes: a segment is sealed before it grows past this */

        /* When something has to go (log/retention.h): when all segments together are larger, when
         * what is in one was recorded longer ago, when less of the disk is free. */
        uint64_t max_size;          /* bytes */
        uint64_t max_age_nsec;      /* 0: no limit */
        uint64_t keep_free;         /* bytes, and */
        unsigned keep_free_percent; /* of the disk; 0 and 0: no limit */

        /* Says what was found or done in the folder, one sentence each; may be NULL. */
        void (*report)(const char *sentence, void *userdata);
        void *userdata;
} EventLogOptions;

/* Touches no disk. Returns -ENOMEM. */
int eventlog_new(const EventLogOptions *options, EventLog **ret);

/* Takes NULL; returns NULL. What is not committed is lost. */
EventLog *eventlog_free(EventLog *log);

static inline void eventlog_freep(EventLog **log)
{
        eventlog_free(*log);
}

/*
 * Makes the folder if need be, locks it, repairs a torn tail. Returns negative errno, and then
 * eventlog_failure() says what is wrong; it may be tried again.
 */
int eventlog_open(EventLog *log);
bool eventlog_is_open(const EventLog *log);

/* Why opening or committing failed last, in a sentence; "" if it did not. */
const char *eventlog_failure(const EventLog *log);

/*
 * Numbers the event and puts it with what waits for the next commit. "position" is "SOURCE PLACE"
 * or NULL. Returns -ENOBUFS when too much waits, -ENOTCONN when the log is not open, -ENOMEM.
 */
int eventlog_append(EventLog *log, const Event *event, const char *position, uint64_t *ret_seq);

/* Bytes that wait. */
size_t eventlog_uncommitted(const EventLog *log);

/* Returns 0 when nothing waits any more. On failure the rest still does. */
int eventlog_commit(EventLog *log);

/*
 * After a commit failed: reserves numbers for what waits and for what is appended next, if that was
 * not done yet. Returns 0 when all of that may be published before it is committed, and negative
 * errno when it may not: then nothing more should be appended. -ENOTCONN: no commit failed.
 */
int eventlog_reserve(EventLog *log);

/*
 * The first event behind a number that is not committed and may be published all the same: its
 * line, without "\n", valid until the log changes. Returns false if there is none.
 */
bool eventlog_uncommitted_next(EventLog *log, uint64_t after_seq, const char **ret_line,
                               size_t *ret_length, uint64_t *ret_seq);

/* No waiting event up to this number is recorded any more: they were dropped. 0: none was. */
uint64_t eventlog_dropped_seq(const EventLog *log);

/*
 * Does a slice, of some milliseconds, of what keeps the history within its bounds. Returns 1 when
 * there is more to do, 0 when there is not for now: age and free space change by themselves.
 */
int eventlog_trim(EventLog *log);

/*
 * Does a step of what can wait: makes the indexes that are missing, brings the table of exit codes
 * up to the log. Returns 1 if there is more.
 */
int eventlog_tend(EventLog *log);

/*
 * How an exec session (or a container) with that full ID ended. Returns 1 with the code; 0 if that
 * takes a question to the log.
 */
int eventlog_exit_code(EventLog *log, bool exec, const char *id, int32_t *ret_code);

/* The place of a source in the last committed event of it; NULL if there is none. */
const char *eventlog_position(const EventLog *log, const char *source);

sd_id128_t eventlog_epoch(const EventLog *log);
uint64_t eventlog_oldest_seq(const EventLog *log); /* none kept is older; 0: there is no event */
uint64_t eventlog_newest_seq(const EventLog *log); /* the newest committed; 0 if there is none */
uint64_t eventlog_given_seq(const EventLog *log);  /* the newest that may have been published */
uint64_t eventlog_live_seq(const EventLog *log);   /* no event behind it is to be signalled */
uint64_t eventlog_size(const EventLog *log); /* bytes of all segments but those of exit codes */

/* Since it was opened: events committed, and "lost" ones among them. */
uint64_t eventlog_recorded(const EventLog *log);
uint64_t eventlog_lost(const EventLog *log);

/* For the reader: the folder; the segment behind the one that starts with a number; the one that a
 * number is in. NULL if there is none; valid until the log changes. */
int eventlog_directory_fd(const EventLog *log);
const Segment *eventlog_segment_after(const EventLog *log, uint64_t first_seq);
const Segment *eventlog_segment_of(const EventLog *log, uint64_t seq);

/* As store_segment_for(). */
const Segment *eventlog_segment_for(EventLog *log, uint64_t first_seq, const IndexPlan *plan,
                                    uint64_t *passed);

/* What there is of a segment's index, valid until the log changes; and that it is no good. */
Index eventlog_index(EventLog *log, const Segment *segment);
void eventlog_discard_index(EventLog *log, const Segment *segment);
/* The segment of exit codes that are kept longer (log/exit-records.h) which starts with that number
 * or, if there is none, a greater one. */
const Segment *eventlog_exits_from(const EventLog *log, uint64_t first_seq);

/* A reader met a damaged line: said once a segment. */
void eventlog_report_damage(EventLog *log, uint64_t segment_id, uint64_t offset);
