/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Backend: what keeps a history. An EventLog and its LogReaders are of one kind each, which embeds
 * the structs here as its first members; whoever uses them knows log/eventlog.h and
 * log/log-reader.h alone, where it is said what each function means.
 */

#include "log/eventlog.h"
#include "log/log-reader.h"

typedef struct EventLogOps {
        EventLog *(*free)(EventLog *log);
        int (*open)(EventLog *log);
        bool (*is_open)(const EventLog *log);
        const char *(*failure)(const EventLog *log);
        /* Why nothing that was published can be asked for; NULL: it can. */
        const char *(*unavailable)(const EventLog *log);

        int (*append)(EventLog *log, const Event *event, const char *position, uint64_t *ret_seq);
        size_t (*uncommitted)(const EventLog *log);
        int (*commit)(EventLog *log);
        /* NULL: what is not committed is never published. */
        int (*reserve)(EventLog *log);
        bool (*uncommitted_next)(EventLog *log, uint64_t after_seq, const char **ret_line,
                                 size_t *ret_length, uint64_t *ret_seq);
        uint64_t (*dropped_seq)(const EventLog *log);
        int (*trim)(EventLog *log); /* NULL: there is nothing to do */
        int (*tend)(EventLog *log); /* the same */
        /* NULL: it always takes a question. */
        int (*exit_code)(EventLog *log, bool exec, const char *id, int32_t *ret_code);

        const char *(*position)(EventLog *log, const char *source);
        sd_id128_t (*epoch)(const EventLog *log);
        uint64_t (*oldest_seq)(EventLog *log);
        uint64_t (*newest_seq)(const EventLog *log);
        uint64_t (*given_seq)(const EventLog *log); /* NULL: the newest */
        uint64_t (*live_seq)(const EventLog *log);  /* the same */
        uint64_t (*recorded)(const EventLog *log);
        uint64_t (*lost)(const EventLog *log);
        uint64_t (*size)(EventLog *log);

        int (*reader_new)(EventLog *log, const LogQuestion *question, LogReader **ret);
} EventLogOps;

struct EventLog {
        const EventLogOps *ops;
        LogBackend backend;
};

typedef struct LogReaderOps {
        LogReader *(*free)(LogReader *reader);
        int (*next)(LogReader *reader, const char **ret_line, size_t *ret_length);
        /* The number of the last record was set further; NULL: that is enough. */
        void (*pass)(LogReader *reader);
        /* NULL: there is none. */
        int (*run)(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size);
        /* NULL: there are no segments. */
        uint64_t (*segment)(const LogReader *reader);
} LogReaderOps;

struct LogReader {
        const LogReaderOps *ops;
        uint64_t seq; /* the last that was given out */
};

/* The kinds; each as eventlog_new(). */
int logfile_new(const EventLogOptions *options, EventLog **ret);
int journal_log_new(const EventLogOptions *options, EventLog **ret);
int none_log_new(const EventLogOptions *options, EventLog **ret);
