/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NoneLog: no history. Events are numbered and published, and then forgotten; each start is another
 * epoch, and begins with 1. Committed records are kept until they were read for publishing, so many
 * as fit: when the bus takes them more slowly than they come the oldest are gone unpublished, which
 * shows as a hole in the numbers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "log/backend.h"
#include "log/journal-message.h"
#include "log/record.h"
#include "log/segment.h"

/* Of records that wait to be published: some ten thousand. */
#define KEPT_MAX (16 * 1024 * 1024)

typedef struct NoneRecord {
        STAILQ_ENTRY(NoneRecord) queue;
        uint64_t seq;
        size_t length; /* without "\n" */
        char *line;    /* owned */
} NoneRecord;

typedef struct NoneLog {
        EventLog base;
        void (*report)(const char *sentence, void *userdata);
        void *userdata;
        bool open;
        sd_id128_t epoch;
        uint64_t newest_seq, next_seq, n_lost, n_lost_waiting;
        struct json_object *positions; /* owned: source -> place */

        STAILQ_HEAD(, NoneRecord) queue;
        size_t waiting, kept; /* bytes: not committed yet; all */
        bool overflow_is_reported;
} NoneLog;

typedef struct NoneReader {
        LogReader base;
        NoneLog *log; /* weak */
} NoneReader;

static void forget_first(NoneLog *log)
{
        NoneRecord *record = STAILQ_FIRST(&log->queue);

        STAILQ_REMOVE_HEAD(&log->queue, queue);
        log->kept -= record->length;
        free(record->line);
        free(record);
}

/* ---- writing ---- */

static int none_log_open(EventLog *base)
{
        NoneLog *log = (NoneLog *)base;
        int r;

        if (log->open)
                return 0;
        r = sd_id128_randomize(&log->epoch);
        if (r < 0)
                return r;

        log->open = true;
        return 0;
}

static bool none_log_is_open(const EventLog *base)
{
        return ((const NoneLog *)base)->open;
}

static const char *none_log_failure(const EventLog *base)
{
        return none_log_is_open(base) ? "" : "The system gives no random numbers.";
}

static const char *none_log_unavailable(const EventLog *base)
{
        return "No history is kept with Backend=none: set Backend=logfile in eventsd.conf, and start "
               "the service again.";
}

static int none_log_append(EventLog *base, const Event *event, const char *position,
                           uint64_t *ret_seq)
{
        NoneLog *log = (NoneLog *)base;
        _cleanup_free_ char *line = NULL;
        NoneRecord *record;
        size_t length;
        int r;

        if (!log->open)
                return -ENOTCONN;
        r = record_format(event, log->next_seq, position, &line, &length);
        if (r < 0)
                return r;
        if (log->waiting + length > EVENTLOG_BATCH_MAX)
                return -ENOBUFS;
        record = malloc(sizeof(NoneRecord));
        if (!record)
                return -ENOMEM;
        r = position ? positions_set(log->positions, position) : 0;
        if (r < 0) {
                free(record);
                return r;
        }

        *record = (NoneRecord){ .seq = log->next_seq, .length = length - 1 };
        record->line = TAKE_PTR(line);
        STAILQ_INSERT_TAIL(&log->queue, record, queue);
        log->waiting += record->length;
        log->kept += record->length;
        log->n_lost_waiting += journal_is_lost(event_fields(event));
        *ret_seq = log->next_seq++;
        return 0;
}

static size_t none_log_uncommitted(const EventLog *base)
{
        return ((const NoneLog *)base)->waiting;
}

static int none_log_commit(EventLog *base)
{
        NoneLog *log = (NoneLog *)base;

        log->newest_seq = log->next_seq - 1;
        log->waiting = 0;
        log->n_lost += log->n_lost_waiting;
        log->n_lost_waiting = 0;
        if (log->kept > KEPT_MAX && !log->overflow_is_reported && log->report)
                log->report("Events come faster than the bus takes them: some are not published.",
                            log->userdata);
        log->overflow_is_reported = log->kept > KEPT_MAX;
        while (log->kept > KEPT_MAX)
                forget_first(log);
        return 0;
}

/* ---- what there is to know ---- */

static const char *none_log_position(EventLog *base, const char *source)
{
        const NoneLog *log = (const NoneLog *)base;
        struct json_object *place;

        return json_object_object_get_ex(log->positions, source, &place)
                       ? json_object_get_string(place)
                       : NULL;
}

static sd_id128_t none_log_epoch(const EventLog *base)
{
        return ((const NoneLog *)base)->epoch;
}

static uint64_t none_log_oldest_seq(EventLog *base)
{
        return 0;
}

static uint64_t none_log_newest_seq(const EventLog *base)
{
        return ((const NoneLog *)base)->newest_seq;
}

static uint64_t none_log_lost(const EventLog *base)
{
        return ((const NoneLog *)base)->n_lost;
}

static uint64_t none_log_size(EventLog *base)
{
        return 0;
}

/* ---- the reader, who publishes ---- */

static LogReader *none_reader_free(LogReader *base)
{
        free(base);
        return NULL;
}

/* What was given out is forgotten with the next call. */
static int none_reader_next(LogReader *base, const char **ret_line, size_t *ret_length)
{
        NoneLog *log = ((NoneReader *)base)->log;
        const NoneRecord *record;

        while ((record = STAILQ_FIRST(&log->queue)) && record->seq <= base->seq)
                forget_first(log);
        if (!record || record->seq > log->newest_seq)
                return 0;

        base->seq = record->seq;
        *ret_line = record->line;
        *ret_length = record->length;
        return 1;
}

static int none_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret)
{
        static const LogReaderOps ops = {
                .free = none_reader_free,
                .next = none_reader_next,
        };
        NoneReader *reader;

        reader = calloc(1, sizeof(NoneReader));
        if (!reader)
                return -ENOMEM;
        reader->base.ops = &ops;
        reader->base.seq = question->after_seq;
        reader->log = (NoneLog *)log;

        *ret = &reader->base;
        return 0;
}

/* ---- life ---- */

static EventLog *none_log_free(EventLog *base)
{
        NoneLog *log = (NoneLog *)base;

        while (!STAILQ_EMPTY(&log->queue))
                forget_first(log);
        json_object_put(log->positions);
        free(log);
        return NULL;
}

int none_log_new(const EventLogOptions *options, EventLog **ret)
{
        static const EventLogOps ops = {
                .free = none_log_free,
                .open = none_log_open,
                .is_open = none_log_is_open,
                .failure = none_log_failure,
                .unavailable = none_log_unavailable,
                .append = none_log_append,
                .uncommitted = none_log_uncommitted,
                .commit = none_log_commit,
                .position = none_log_position,
                .epoch = none_log_epoch,
                .oldest_seq = none_log_oldest_seq,
                .newest_seq = none_log_newest_seq,
                .recorded = none_log_newest_seq,
                .lost = none_log_lost,
                .size = none_log_size,
                .reader_new = none_reader_new,
        };
        NoneLog *log;

        log = calloc(1, sizeof(NoneLog));
        if (!log)
                return -ENOMEM;
        log->base.ops = &ops;
        log->report = options->report;
        log->userdata = options->userdata;
        log->next_seq = 1;
        STAILQ_INIT(&log->queue);
        log->positions = json_object_new_object();
        if (!log->positions) {
                free(log);
                return -ENOMEM;
        }

        *ret = &log->base;
        return 0;
}
