/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * LogReader: the committed records of a history in order of seq, from a number on. At the end of
 * the history it waits there: what is committed later comes with later calls. A segment that was
 * removed meanwhile is passed over, and so are damaged lines.
 */

#include <stddef.h>
#include <stdint.h>

#include "log/eventlog.h"

typedef struct LogReader LogReader;

/* The log must outlive the reader. Returns -ENOMEM. */
int log_reader_new(EventLog *log, uint64_t after_seq, LogReader **ret);

/* Takes NULL; returns NULL. */
LogReader *log_reader_free(LogReader *reader);

static inline void log_reader_freep(LogReader **reader)
{
        log_reader_free(*reader);
}

/*
 * The next record: an intact line without "\n", valid until the next call. Returns 1, 0 at the end
 * of what is committed, or negative errno.
 */
int log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length);

/* The number of the last record that was given out, or where the reader was started. */
uint64_t log_reader_seq(const LogReader *reader);
