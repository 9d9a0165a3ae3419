/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * LogReader: the committed records of a history that may answer a question, in order of seq. At the
 * end of the history it waits there: what is committed later comes with later calls. A segment that
 * was removed meanwhile is passed over, and so are damaged lines.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/eventlog.h"
#include "log/record.h"
#include "model/filter.h"

typedef struct LogReader LogReader;

/* What is asked for. A reader leaves out what it can rule out cheaply; it may give out records that
 * do not fit, so whoever asks looks at each. */
typedef struct LogQuestion {
        uint64_t after_seq;   /* records with a greater number */
        uint64_t since_nsec;  /* since <= time; 0: no bound */
        uint64_t until_nsec;  /* time < until; 0: no bound */
        const Filter *filter; /* weak, must outlive the reader; NULL: everything */

        /* Before the history, what is kept of removed segments for its exit codes alone
         * (log/exit-records.h), from the oldest on; their numbers may come again in the history. */
        bool exits;
} LogQuestion;

/* log_reader_next() looked at much and found nothing yet: let others have their turn. */
#define LOG_READER_AGAIN 2

/* The log must outlive the reader. Returns -ENOMEM. */
int log_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret);

/* Takes NULL; returns NULL. */
LogReader *log_reader_free(LogReader *reader);

static inline void log_reader_freep(LogReader **reader)
{
        log_reader_free(*reader);
}

/*
 * The next record: an intact line without "\n", valid until the next call. Returns 1, 0 at the end
 * of what is committed, LOG_READER_AGAIN, or negative errno.
 */
int log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length);

/*
 * If the question asks for everything that is committed of the present segment from here on, and
 * that is known to be intact: passes over it, and returns 1 with a descriptor that the caller owns
 * and the place of these whole lines in it. Returns 0 if there is no such run here, and
 * log_reader_next() is to be asked; or negative errno.
 */
int log_reader_run(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size);

/* Passes over all records up to a number. */
void log_reader_pass(LogReader *reader, uint64_t seq);

/* The number with which the segment starts that is being read; 0 before the first, the greatest
 * where there are no segments. */
uint64_t log_reader_segment(const LogReader *reader);

/* The number of the last record that was given out, or where the reader was started. */
uint64_t log_reader_seq(const LogReader *reader);
