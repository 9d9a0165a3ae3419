/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Histories for tests: in the folder "history" of the working directory, each event made from the
 * number that it has to get, so that whoever reads one can tell whether it is the right one.
 */

#include "log/eventlog.h"
#include "log/log-reader.h"
#include "log/logfile.h"
#include "sample.h"

#define HISTORY "history"

/*
 * These stand before those of the C library. No test can cut the power, and a disk is slow; whoever
 * wants to know of them or to let them fail defines HISTORY_SYNCS and has its own.
 */
#ifndef HISTORY_SYNCS
int fsync(int fd)
{
        return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int fdatasync(int fd)
{
        return fsync(fd);
}
#endif

#define _cleanup_log_    _cleanup_(eventlog_freep)
#define _cleanup_reader_ _cleanup_(log_reader_freep)

/* What the log had to say, one sentence a line. */
static char history_reports[16384];

static inline void history_report(const char *sentence, void *userdata)
{
        size_t n = strlen(history_reports);

        snprintf(history_reports + n, sizeof(history_reports) - n, "%s\n", sentence);
}

static inline EventLog *history_new(uint64_t segment_size, uint64_t max_size)
{
        const EventLogOptions options = { .directory = HISTORY,
                                          .segment_size = segment_size,
                                          .max_size = max_size,
                                          .report = history_report };
        EventLog *log;

        history_reports[0] = '\0';
        must(eventlog_new(&options, &log) == 0);
        return log;
}

static inline EventLog *history_open(uint64_t segment_size)
{
        EventLog *log = history_new(segment_size, UINT64_MAX);
        int r = eventlog_open(log);

        if (r < 0)
                printf("# %s\n", eventlog_failure(log));
        must(r == 0);
        return log;
}

/* All slices of it. */
static inline int history_trim(EventLog *log)
{
        int r;

        do
                r = eventlog_trim(log);
        while (r > 0);
        return r;
}

/* Appends the event that has to get the number "seq". */
static inline int history_append(EventLog *log, uint64_t seq)
{
        _cleanup_event_ Event *event = event_numbered(seq);
        char position[64];
        uint64_t got = 0;
        int r;

        snprintf(position, sizeof(position), "podman %" PRIu64, seq);
        r = eventlog_append(log, event, position, &got);
        must(r < 0 || got == seq);
        return r;
}

/* Events "first" to "last", "batch" of them in one commit. */
static inline void history_fill(EventLog *log, uint64_t first, uint64_t last, unsigned batch)
{
        for (uint64_t seq = first; seq <= last; seq++) {
                must(history_append(log, seq) == 0);
                if ((seq - first + 1) % batch == 0 || seq == last)
                        must(eventlog_commit(log) == 0);
        }
}

static inline bool is_event_numbered(const char *line, size_t length, uint64_t seq)
{
        _cleanup_event_ Event *event = NULL, *want = event_numbered(seq);
        const EventFields *a, *b;

        if (record_event(line, length, &event) < 0)
                return false;
        a = event_fields(event);
        b = event_fields(want);
        return a->seq == seq && strcmp(a->name, b->name) == 0 && a->time_nsec == b->time_nsec &&
               a->exit_code == b->exit_code;
}

/* As log_reader_next(), and never LOG_READER_AGAIN. */
static inline int history_next(LogReader *reader, const char **ret_line, size_t *ret_length)
{
        int r;

        do
                r = log_reader_next(reader, ret_line, ret_length);
        while (r == LOG_READER_AGAIN);
        return r;
}

/*
 * What the reader gives from where it is, as "1-3 5 7-8"; "!" stands behind an event that is not
 * the one of its number, "?" for an error.
 */
static inline char *history_rest(LogReader *reader, char *text, size_t size)
{
        uint64_t first = 0, last = 0;
        size_t n = 0, length;
        const char *line;
        int r;

        text[0] = '\0';
        do {
                uint64_t seq;

                r = history_next(reader, &line, &length);
                seq = r > 0 ? log_reader_seq(reader) : 0;
                if (first > 0 && seq != last + 1) {
                        n += (size_t)snprintf(text + n, size - n, n > 0 ? " %" PRIu64 : "%" PRIu64,
                                              first);
                        if (last > first)
                                n += (size_t)snprintf(text + n, size - n, "-%" PRIu64, last);
                        first = 0;
                }
                if (r > 0 && !is_event_numbered(line, length, seq))
                        n += (size_t)snprintf(text + n, size - n, "!");
                if (first == 0)
                        first = seq;
                last = seq;
                must(n < size);
        } while (r > 0);
        if (r < 0)
                snprintf(text + n, size - n, "?");
        return text;
}

/* The same, of all events behind a number. */
static inline char *history_after(EventLog *log, uint64_t after, char *text, size_t size)
{
        _cleanup_reader_ LogReader *reader = NULL;

        must(log_reader_new(log, &(LogQuestion){ .after_seq = after }, &reader) == 0);
        return history_rest(reader, text, size);
}

#define SEGMENT_FROM(first_seq) HISTORY "/events-0000000000000000000" #first_seq ".log"
#define SEGMENT_ACTIVE          HISTORY "/" SEGMENT_ACTIVE_NAME
