/* SPDX-License-Identifier: Apache-2.0 */
#include "log/eventlog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "log/exits.h"
#include "log/store.h"

struct EventLog {
        uint64_t segment_size, max_size;
        Store store;
        Exits *exits; /* owned; NULL while the log is not open */

        uint64_t newest_seq; /* committed */
        uint64_t next_seq;

        char *batch; /* owned: lines that wait for the commit */
        size_t batch_size, batch_allocated;
        uint64_t batch_first_seq;
        struct json_object *pending; /* owned: source -> place, of what waits */
};

int eventlog_new(const EventLogOptions *options, EventLog **ret)
{
        _cleanup_(eventlog_freep) EventLog *log = NULL;
        int r;

        log = calloc(1, sizeof(EventLog));
        if (!log)
                return -ENOMEM;
        log->segment_size = options->segment_size;
        log->max_size = options->max_size;
        r = store_init(&log->store, options->directory, options->report, options->userdata);
        if (r < 0)
                return r;
        log->pending = json_object_new_object();
        if (!log->pending)
                return -ENOMEM;

        *ret = TAKE_PTR(log);
        return 0;
}

EventLog *eventlog_free(EventLog *log)
{
        if (!log)
                return NULL;

        exits_free(log->exits);
        store_done(&log->store);
        json_object_put(log->pending);
        free(log->batch);
        free(log);
        return NULL;
}

int eventlog_open(EventLog *log)
{
        int r;

        if (eventlog_is_open(log))
                return 0;

        r = store_open(&log->store, &log->newest_seq, &log->next_seq);
        if (r < 0)
                return r;
        r = exits_new(log, &log->exits);
        if (r < 0)
                store_close(&log->store);
        return r;
}

bool eventlog_is_open(const EventLog *log)
{
        return log->store.directory_fd >= 0;
}

const char *eventlog_failure(const EventLog *log)
{
        return log->store.failure;
}

int eventlog_trim(EventLog *log)
{
        int r = 1;

        while (r > 0 && store_size(&log->store) > log->max_size)
                r = store_drop_oldest(&log->store);
        return r < 0 ? r : 0;
}

int eventlog_tend(EventLog *log)
{
        int r;

        if (!eventlog_is_open(log))
                return 0;
        r = store_tend(&log->store);
        return exits_tend(log->exits) > 0 ? 1 : r;
}

int eventlog_exit_code(EventLog *log, bool exec, const char *id, int32_t *ret_code)
{
        if (!eventlog_is_open(log))
                return 0;
        return exits_find(log->exits, exec ? EXIT_EXEC : EXIT_CONTAINER, id, ret_code);
}

/* ---- writing ---- */

static int reserve(EventLog *log, size_t length)
{
        size_t size = log->batch_size + length;
        char *batch;

        if (size > EVENTLOG_BATCH_MAX)
                return -ENOBUFS;
        if (size <= log->batch_allocated)
                return 0;
        if (size < log->batch_allocated * 2)
                size = log->batch_allocated * 2;
        batch = realloc(log->batch, size);
        if (!batch)
                return -ENOMEM;

        log->batch = batch;
        log->batch_allocated = size;
        return 0;
}

int eventlog_append(EventLog *log, const Event *event, const char *position, uint64_t *ret_seq)
{
        _cleanup_free_ char *line = NULL;
        size_t length;
        int r;

        if (!eventlog_is_open(log))
                return -ENOTCONN;
        r = record_format(event, log->next_seq, position, &line, &length);
        if (r < 0)
                return r;
        r = reserve(log, length);
        if (r < 0)
                return r;
        if (position) {
                r = positions_set(log->pending, position);
                if (r < 0)
                        return r;
        }

        if (log->batch_size == 0)
                log->batch_first_seq = log->next_seq;
        memcpy(log->batch + log->batch_size, line, length);
        log->batch_size += length;
        *ret_seq = log->next_seq++;
        return 0;
}

size_t eventlog_uncommitted(const EventLog *log)
{
        return log->batch_size;
}

static int take_pending_positions(EventLog *log)
{
        struct json_object_iter member;

        json_object_object_foreachC(log->pending, member)
        {
                if (json_add(log->store.positions, member.key, json_object_get(member.val)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int write_batch(EventLog *log)
{
        int r;

        r = store_prepare(&log->store, log->batch_first_seq, log->batch_size, log->segment_size);
        return r < 0 ? r : store_write(&log->store, log->batch, log->batch_size);
}

static int set_failure(EventLog *log, int error)
{
        snprintf(log->store.failure, sizeof(log->store.failure),
                 "Events cannot be written to \"%s\": %s.", log->store.directory, strerror(-error));
        utf8_mend(log->store.failure);
        return error;
}

int eventlog_commit(EventLog *log)
{
        Store *store = &log->store;
        int r;

        if (log->batch_size == 0)
                return 0;

        r = write_batch(log);
        /* A full disk takes the oldest segment first; if that does not help, no other goes with it.
         */
        if ((r == -ENOSPC || r == -EDQUOT) && store->n_segments > 2 &&
            store_drop_oldest(store) > 0) {
                if (store->report)
                        store->report("The disk is full: the oldest segment was removed.",
                                      store->userdata);
                r = write_batch(log);
        }
        if (r < 0)
                return set_failure(log, r);

        log->newest_seq = log->next_seq - 1;
        log->batch_size = 0;
        store->failure[0] = '\0';

        /* Without memory they are taken at the next commit: pending keeps them. */
        (void)take_pending_positions(log);
        return 0;
}

/* ---- reading ---- */

Index eventlog_index(EventLog *log, const Segment *segment)
{
        return store_index(&log->store, segment);
}

void eventlog_discard_index(EventLog *log, const Segment *segment)
{
        store_discard_index(&log->store, segment);
}

void eventlog_report_damage(EventLog *log, uint64_t segment_id, uint64_t offset)
{
        store_report_damage(&log->store, segment_id, offset);
}

const char *eventlog_position(const EventLog *log, const char *source)
{
        struct json_object *place;

        if (!log->store.positions ||
            !json_object_object_get_ex(log->store.positions, source, &place))
                return NULL;
        return json_object_get_string(place);
}

sd_id128_t eventlog_epoch(const EventLog *log)
{
        return log->store.epoch;
}

uint64_t eventlog_oldest_seq(const EventLog *log)
{
        if (log->store.n_segments == 0 || log->store.segments[0].first_seq > log->newest_seq)
                return 0;
        return log->store.segments[0].first_seq;
}

uint64_t eventlog_newest_seq(const EventLog *log)
{
        return log->newest_seq;
}

uint64_t eventlog_size(const EventLog *log)
{
        return store_size(&log->store);
}

int eventlog_directory_fd(const EventLog *log)
{
        return log->store.directory_fd;
}

const Segment *eventlog_segment_of(const EventLog *log, uint64_t seq)
{
        return store_segment_of(&log->store, seq);
}

const Segment *eventlog_segment_after(const EventLog *log, uint64_t first_seq)
{
        return store_segment_after(&log->store, first_seq);
}
