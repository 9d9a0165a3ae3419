/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * EventLog: the history, with one writer. Events are appended, which numbers them, and committed
 * together. Only what is committed can be read (log/log-reader.h), so nothing is published or
 * answered that was not recorded. When a commit fails, what it did not take still waits: the next
 * one takes the same events, with the same numbers.
 *
 * What keeps it is one of three backends (log/backend.h): a folder of files (log/logfile.h),
 * systemd's journal (log/journal-log.h), or nothing at all (log/none-log.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "model/event.h"

/* What may wait for a commit, so that a writer that never commits is stopped and not fed. */
#define EVENTLOG_BATCH_MAX (4 * 1024 * 1024)

typedef struct EventLog EventLog;

typedef enum LogBackend {
        LOG_BACKEND_LOGFILE,
        LOG_BACKEND_JOURNALD,
        LOG_BACKEND_NONE,
} LogBackend;

const char *log_backend_to_string(LogBackend backend);
int log_backend_from_string(const char *name, LogBackend *ret); /* -EINVAL */

typedef struct EventLogOptions {
        LogBackend backend;
        const char *directory;

        /* Of a logfile: the journal has limits of its own. */
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

LogBackend eventlog_backend(const EventLog *log);

/*
 * Makes the folder if need be, locks it, repairs a torn tail. Returns negative errno, and then
 * eventlog_failure() says what is wrong; it may be tried again.
 */
int eventlog_open(EventLog *log);
bool eventlog_is_open(const EventLog *log);

/* Why opening or committing failed last, in a sentence; "" if it did not. */
const char *eventlog_failure(const EventLog *log);

/* Why nothing can be asked of the history, in a sentence; NULL if it can. */
const char *eventlog_unavailable(const EventLog *log);

/*
 * Numbers the event and puts it with what waits for the next commit. "position" is "SOURCE PLACE"
 * or NULL. Returns -ENOBUFS when too much waits, -ENOTCONN when the log is not open, -ENOMEM.
 */
int eventlog_append(EventLog *log, const Event *event, const char *position, uint64_t *ret_seq);

/* Bytes that wait. */
size_t eventlog_uncommitted(const EventLog *log);

/* Returns 0 when nothing waits any more, 1 if some still does and others are to have their turn
 * first; negative errno, and then what was not committed still waits. */
int eventlog_commit(EventLog *log);

/*
 * After a commit failed: reserves numbers for what waits and for what is appended next, if that was
 * not done yet. Returns 0 when all of that may be published before it is committed, and negative
 * errno when it may not: then nothing more should be appended. -ENOTCONN: no commit failed;
 * -EOPNOTSUPP: the backend cannot.
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
 * up to the log, lets go of files that were removed. Returns 1 if there is more.
 */
int eventlog_tend(EventLog *log);

/*
 * How an exec session (or a container) with that full ID ended. Returns 1 with the code; 0 if that
 * takes a question to the log.
 */
int eventlog_exit_code(EventLog *log, bool exec, const char *id, int32_t *ret_code);

/* The place of a source in the last committed event of it; NULL if there is none. */
const char *eventlog_position(EventLog *log, const char *source);

sd_id128_t eventlog_epoch(const EventLog *log);
uint64_t eventlog_oldest_seq(EventLog *log);       /* none kept is older; 0: there is no event */
uint64_t eventlog_newest_seq(const EventLog *log); /* the newest committed; 0 if there is none */
uint64_t eventlog_given_seq(const EventLog *log);  /* the newest that may have been published */
uint64_t eventlog_live_seq(const EventLog *log);   /* no event behind it is to be signalled */
uint64_t eventlog_size(EventLog *log); /* bytes, without those of exit codes; of a journal, all */

/* Since it was opened: events committed, and "lost" ones among them. */
uint64_t eventlog_recorded(const EventLog *log);
uint64_t eventlog_lost(const EventLog *log);
