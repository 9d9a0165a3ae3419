/* SPDX-License-Identifier: Apache-2.0 */
#include "log/logfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "log/batch.h"
#include "log/exits.h"
#include "log/losses.h"
#include "log/record-parser.h"
#include "log/reservation.h"
#include "log/store-exits.h"
#include "log/store-lookup.h"
#include "log/trimmer.h"
#include "model/timestamp.h"

/* How many numbers are reserved at once: a write to a disk that is in trouble is rare then, and a
 * crash costs no more numbers than that. */
#define RESERVED_AT_ONCE 10000

/*
 * What one write or one drop takes of a batch that grew while nothing could be written: a disk with
 * little room gets what it can hold, and what is left is not moved too often.
 */
#define PIECE_SIZE (256 * 1024)

typedef struct Logfile {
        EventLog base;
        uint64_t segment_size;
        Store store;
        Exits *exits;     /* owned; NULL while the log is not open */
        Trimmer *trimmer; /* owned */
        RecordParser parser;

        uint64_t newest_seq; /* committed */
        uint64_t live_seq;   /* the newest that is not backlog, or greater */
        uint64_t next_seq;
        uint64_t n_recorded, n_lost, n_lost_waiting;

        Batch batch;                 /* what waits for the commit */
        struct json_object *pending; /* owned: source -> place, of what waits */

        /* While nothing can be written. */
        int error;            /* why the last commit failed; 0: it did not */
        bool gave_room;       /* a segment was removed for it, in vain */
        uint64_t dropped_seq; /* the last that was dropped */
        Losses losses;        /* what the history has to say */
        Reservation reservation;
} Logfile;

/* Nothing is reserved: the numbers up to the newest are used, and all others are free. */
static int release_reservation(Logfile *log)
{
        Reservation nothing = {
                .epoch = log->store.epoch,
                .generation = log->reservation.generation,
                .last_seq = log->newest_seq,
        };
        int r;

        r = reservation_store(log->store.directory_fd, &nothing);
        if (r >= 0)
                log->reservation = nothing;
        return r;
}

static void say_reserved(Logfile *log)
{
        const Reservation *found = &log->reservation;

        store_report(&log->store,
                     "The service ended while the history could not be written: numbers go on with "
                     "%" PRIu64 ".",
                     log->next_seq);
        losses_add_unknown(&log->losses, found->first_seq, found->last_seq, found->since_nsec,
                           timestamp_now());
}

/*
 * Numbers that were reserved when the service ended are not given again, and the history says so,
 * whatever became of them. If it ended between the commit of what they stood for and their release,
 * the history says it needlessly, but nothing that is wrong.
 */
static void take_reservation(Logfile *log)
{
        Reservation *found = &log->reservation;
        int r;

        r = reservation_load(log->store.directory_fd, log->store.epoch, found);
        if (r == -EBADMSG)
                store_report(
                        &log->store,
                        "\"%s\" in the folder of the history is damaged: whether the service ended "
                        "while the history could not be written is not known.",
                        RESERVATION_NAME);
        if (r == -ENOENT || r == -EBADMSG) {
                *found = (Reservation){};
                r = release_reservation(log);
        }
        if (r < 0) {
                *found = (Reservation){ .epoch = log->store.epoch };
                store_report(
                        &log->store,
                        "\"%s\" in the folder of the history cannot be used (%s): if the history "
                        "cannot be written, nothing can be published either.",
                        RESERVATION_NAME, strerror(-r));
                return;
        }

        if (log->next_seq <= found->last_seq)
                log->next_seq = found->last_seq + 1;
        if (found->first_seq > 0 && log->newest_seq < found->last_seq)
                say_reserved(log);
        else
                found->first_seq = 0;
}

static bool logfile_is_open(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->store.directory_fd >= 0;
}

static int logfile_open(EventLog *base)
{
        Logfile *log = (Logfile *)base;
        int r;

        if (logfile_is_open(base))
                return 0;
        r = store_open(&log->store, &log->newest_seq, &log->next_seq);
        if (r < 0)
                return r;
        r = exits_new(base, &log->exits);
        if (r < 0) {
                store_close(&log->store);
                return r;
        }

        log->live_seq = log->newest_seq;
        take_reservation(log);
        return 0;
}

static const char *logfile_failure(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->store.failure;
}

static const char *logfile_unavailable(const EventLog *base)
{
        return logfile_is_open(base) ? NULL : logfile_failure(base);
}

static int logfile_trim(EventLog *base)
{
        Logfile *log = (Logfile *)base;
        int r;

        if (!logfile_is_open(base))
                return 0;
        r = trimmer_run(log->trimmer,
                        log->batch.n_lines > 0 ? log->batch.first_seq : log->next_seq);
        /* To keep exit codes takes some room itself: what is made from the rest gives way first. */
        if ((r == -ENOSPC || r == -EDQUOT) && store_give_up_index(&log->store))
                return 1;
        return r;
}

static int logfile_tend(EventLog *base)
{
        Logfile *log = (Logfile *)base;
        int r;

        if (!logfile_is_open(base))
                return 0;
        r = store_tend(&log->store);
        return exits_tend(log->exits) > 0 ? 1 : r;
}

static int logfile_exit_code(EventLog *base, bool exec, const char *id, int32_t *ret_code)
{
        Logfile *log = (Logfile *)base;

        if (!logfile_is_open(base))
                return 0;
        return exits_find(log->exits, exec ? EXIT_EXEC : EXIT_CONTAINER, id, ret_code);
}

/* ---- writing ---- */

/* Whether what waits may be published, and so what is appended next. */
static bool is_reserved(const Logfile *log)
{
        return log->error < 0 && log->reservation.first_seq > 0 &&
               log->next_seq <= log->reservation.last_seq;
}

static bool is_lost(const EventFields *fields)
{
        return fields && strcmp(fields->type, "system") == 0 && strcmp(fields->status, "lost") == 0;
}

/* The batch is full, and nothing can be written: its oldest events give way. */
static void drop_oldest(Logfile *log)
{
        size_t n_lines, size = batch_piece(&log->batch, PIECE_SIZE, &n_lines);
        uint64_t seq = log->batch.first_seq - 1;
        const char *line;
        size_t length;

        if (log->dropped_seq < log->batch.first_seq - 1 || log->dropped_seq == 0)
                store_report(&log->store,
                             "No more events can wait for the history: the oldest are dropped.");
        for (size_t i = 0; i < n_lines && batch_next(&log->batch, seq, &line, &length, &seq); i++) {
                _cleanup_(event_unrefp) Event *event = NULL;
                const EventFields *fields;

                fields = record_event(line, length, &event) < 0 ? NULL : event_fields(event);
                losses_add(&log->losses, log->error, seq, line, length, fields);
                log->n_lost_waiting -= is_lost(fields);
        }

        log->dropped_seq = seq;
        batch_remove(&log->batch, size, n_lines);
}

static int make_room(Logfile *log, size_t length)
{
        int r;

        while ((r = batch_make_room(&log->batch, length, EVENTLOG_BATCH_MAX)) == -ENOBUFS &&
               is_reserved(log))
                drop_oldest(log);
        return r;
}

static int logfile_append(EventLog *base, const Event *event, const char *position,
                          uint64_t *ret_seq)
{
        Logfile *log = (Logfile *)base;
        _cleanup_free_ char *line = NULL;
        size_t length;
        int r;

        if (!logfile_is_open(base))
                return -ENOTCONN;
        r = record_format(event, log->next_seq, position, &line, &length);
        if (r < 0)
                return r;
        r = make_room(log, length);
        if (r < 0)
                return r;
        if (position) {
                r = positions_set(log->pending, position);
                if (r < 0)
                        return r;
        }

        batch_add(&log->batch, log->next_seq, line, length);
        log->n_lost_waiting += is_lost(event_fields(event));
        *ret_seq = log->next_seq++;
        return 0;
}

static size_t logfile_uncommitted(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->batch.size;
}

static int take_pending_positions(Logfile *log)
{
        struct json_object_iter member;

        json_object_object_foreachC(log->pending, member)
        {
                if (json_add(log->store.positions, member.key, json_object_get(member.val)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Those in the oldest lines alone: what comes behind them may never be written. */
static int take_positions_of(Logfile *log, size_t n_lines)
{
        uint64_t seq = log->batch.first_seq - 1;
        const char *line;
        size_t length;

        for (size_t i = 0; i < n_lines && batch_next(&log->batch, seq, &line, &length, &seq); i++) {
                char position[POSITION_SIZE];

                if (record_position(line, length, position) &&
                    positions_set(log->store.positions, position) == -ENOMEM)
                        return -ENOMEM;
        }
        return 0;
}

static int write_batch(Logfile *log, size_t size, uint64_t *ret_offset)
{
        int r;

        r = store_prepare(&log->store, log->batch.first_seq, size, log->segment_size);
        return r < 0 ? r : store_write(&log->store, log->batch.bytes, size, ret_offset);
}

/* A full disk takes the oldest segment first; if that does not help, no other goes with it, however
 * often it is tried. */
static int write_or_give_room(Logfile *log, size_t size, uint64_t *ret_offset)
{
        Store *store = &log->store;
        int r;

        r = write_batch(log, size, ret_offset);
        if ((r == -ENOSPC || r == -EDQUOT) && !log->gave_room && store->n_segments > 2 &&
            store_drop_oldest(store) > 0) {
                store_report(&log->store, "The disk is full: the oldest segment was removed.");
                log->gave_room = true;
                r = write_batch(log, size, ret_offset);
        }
        if (r >= 0)
                log->gave_room = false;
        return r;
}

/* Whoever keeps up with what is committed: the index, and the table of exit codes. */
static void note_committed(Logfile *log, size_t size, uint64_t offset)
{
        const char *line = log->batch.bytes, *end = line + size;

        while (line < end) {
                size_t length =
                        (size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) - line);
                const EventFields *event;

                /* Without memory it is told nothing, and then not the next ones either. */
                if (record_parser_read(&log->parser, line, length, &event) >= 0) {
                        store_index_add(&log->store, offset, length + 1, event);
                        exits_note(log->exits, event);
                        if (!event->backlog)
                                log->live_seq = event->seq;
                } else {
                        log->live_seq = log->batch.first_seq + log->batch.n_lines - 1;
                }
                offset += length + 1;
                line += length + 1;
        }
}

/* All of the batch in one write, or a piece of one that had to wait. */
static int commit_some(Logfile *log)
{
        size_t n_lines = log->batch.n_lines, size = log->batch.size;
        uint64_t offset;
        int r;

        if (log->error < 0)
                size = batch_piece(&log->batch, PIECE_SIZE, &n_lines);
        r = write_or_give_room(log, size, &offset);
        if (r < 0)
                return r;

        note_committed(log, size, offset);
        log->newest_seq = log->batch.first_seq + n_lines - 1;
        log->n_recorded += n_lines;
        /* Without memory they are taken at the next commit: pending keeps them. */
        if (size < log->batch.size)
                (void)take_positions_of(log, n_lines);
        else
                (void)take_pending_positions(log);
        batch_remove(&log->batch, size, n_lines);
        return 0;
}

/*
 * Appends an event that says what was lost, with the place where its source goes on: it may stand
 * in no other line.
 */
static int append_loss(Logfile *log)
{
        const Loss *loss = log->losses.losses + log->losses.n - 1;
        _cleanup_(event_unrefp) Event *event = NULL;
        char position[POSITION_SIZE];
        struct json_object *place;
        bool placed;
        uint64_t seq;
        int r;

        r = loss_event_new(loss, &event);
        if (r < 0)
                return r;
        placed = *loss->source && json_object_object_get_ex(log->pending, loss->source, &place) &&
                 snprintf(position, sizeof(position), "%s %s", loss->source,
                          json_object_get_string(place)) < (int)sizeof(position);
        r = logfile_append(&log->base, event, placed ? position : NULL, &seq);
        if (r < 0)
                return r;

        log->losses.n--;
        return 0;
}

static int set_failure(Logfile *log, int error)
{
        log->error = error;
        snprintf(log->store.failure, sizeof(log->store.failure),
                 "Events cannot be written to \"%s\": %s.", log->store.directory, strerror(-error));
        utf8_mend(log->store.failure);
        return error;
}

static int logfile_commit(EventLog *base)
{
        Logfile *log = (Logfile *)base;
        int r = 0;

        if (log->batch.n_lines == 0 && log->losses.n == 0)
                return 0;

        while (r >= 0 && (log->batch.n_lines > 0 || log->losses.n > 0))
                r = log->batch.n_lines > 0 ? commit_some(log) : append_loss(log);
        if (r < 0)
                return set_failure(log, r);

        log->n_lost += log->n_lost_waiting;
        log->n_lost_waiting = 0;
        log->store.failure[0] = '\0';
        if (log->error < 0)
                batch_done(&log->batch);
        log->error = 0;
        /* If it cannot be, the next commit tries it again. */
        if (log->reservation.first_seq > 0)
                (void)release_reservation(log);
        return 0;
}

static int logfile_reserve(EventLog *base)
{
        Logfile *log = (Logfile *)base;
        Reservation wanted = log->reservation;
        int r;

        if (!logfile_is_open(base) || log->error == 0)
                return -ENOTCONN;
        if (is_reserved(log))
                return 0;

        if (wanted.first_seq == 0) {
                wanted.first_seq = log->newest_seq + 1;
                wanted.since_nsec = timestamp_now();
        }
        wanted.last_seq = log->next_seq + RESERVED_AT_ONCE - 1;
        r = reservation_store(log->store.directory_fd, &wanted);
        if (r < 0)
                return r;

        log->reservation = wanted;
        return 0;
}

/* ---- reading ---- */

Index logfile_index(EventLog *base, const Segment *segment)
{
        Logfile *log = (Logfile *)base;

        return store_index(&log->store, segment);
}

void logfile_discard_index(EventLog *base, const Segment *segment)
{
        Logfile *log = (Logfile *)base;

        store_discard_index(&log->store, segment);
}

static bool logfile_uncommitted_next(EventLog *base, uint64_t after_seq, const char **ret_line,
                                     size_t *ret_length, uint64_t *ret_seq)
{
        Logfile *log = (Logfile *)base;
        const char *line;
        size_t length;
        uint64_t seq;

        if (log->error == 0 || log->reservation.first_seq == 0 ||
            !batch_next(&log->batch, after_seq, &line, &length, &seq) ||
            seq > log->reservation.last_seq)
                return false;

        *ret_line = line;
        *ret_length = length;
        *ret_seq = seq;
        return true;
}

static uint64_t logfile_dropped_seq(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->dropped_seq;
}

void logfile_report_damage(EventLog *base, uint64_t segment_id, uint64_t offset)
{
        Logfile *log = (Logfile *)base;

        store_report_damage(&log->store, segment_id, offset);
}

static const char *logfile_position(EventLog *base, const char *source)
{
        const Logfile *log = (const Logfile *)base;
        struct json_object *place;

        if (!log->store.positions ||
            !json_object_object_get_ex(log->store.positions, source, &place))
                return NULL;
        return json_object_get_string(place);
}

static sd_id128_t logfile_epoch(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->store.epoch;
}

static uint64_t logfile_oldest_seq(EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        if (log->store.n_segments == 0 || log->store.segments[0].first_seq > log->newest_seq)
                return 0;
        return log->store.segments[0].first_seq;
}

static uint64_t logfile_live_seq(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->live_seq;
}

static uint64_t logfile_newest_seq(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->newest_seq;
}

static uint64_t logfile_given_seq(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->next_seq > 0 ? log->next_seq - 1 : 0;
}

static uint64_t logfile_recorded(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->n_recorded;
}

static uint64_t logfile_lost(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->n_lost;
}

static uint64_t logfile_size(EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return store_size(&log->store);
}

uint64_t logfile_total_size(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return store_total_size(&log->store);
}

int logfile_directory_fd(const EventLog *base)
{
        const Logfile *log = (const Logfile *)base;

        return log->store.directory_fd;
}

const Segment *logfile_segment_of(const EventLog *base, uint64_t seq)
{
        const Logfile *log = (const Logfile *)base;

        return store_segment_of(&log->store, seq);
}

const Segment *logfile_segment_for(EventLog *base, uint64_t first_seq, const IndexPlan *plan,
                                   uint64_t *passed)
{
        Logfile *log = (Logfile *)base;

        return store_segment_for(&log->store, first_seq, plan, passed);
}

const Segment *logfile_segment_after(const EventLog *base, uint64_t first_seq)
{
        const Logfile *log = (const Logfile *)base;

        return store_segment_after(&log->store, first_seq);
}

const Segment *logfile_exits_from(const EventLog *base, uint64_t first_seq)
{
        const Logfile *log = (const Logfile *)base;

        return store_exits_from(&log->store, first_seq);
}

/* ---- life ---- */

static EventLog *logfile_free(EventLog *base)
{
        Logfile *log = (Logfile *)base;

        exits_free(log->exits);
        record_parser_done(&log->parser);
        trimmer_free(log->trimmer);
        store_done(&log->store);
        json_object_put(log->pending);
        batch_done(&log->batch);
        free(log);
        return NULL;
}

int logfile_new(const EventLogOptions *options, EventLog **ret)
{
        static const EventLogOps ops = {
                .free = logfile_free,
                .open = logfile_open,
                .is_open = logfile_is_open,
                .failure = logfile_failure,
                .unavailable = logfile_unavailable,
                .append = logfile_append,
                .uncommitted = logfile_uncommitted,
                .uncommitted_next = logfile_uncommitted_next,
                .commit = logfile_commit,
                .reserve = logfile_reserve,
                .trim = logfile_trim,
                .tend = logfile_tend,
                .exit_code = logfile_exit_code,
                .position = logfile_position,
                .live_seq = logfile_live_seq,
                .epoch = logfile_epoch,
                .oldest_seq = logfile_oldest_seq,
                .newest_seq = logfile_newest_seq,
                .given_seq = logfile_given_seq,
                .dropped_seq = logfile_dropped_seq,
                .recorded = logfile_recorded,
                .lost = logfile_lost,
                .size = logfile_size,
                .reader_new = logfile_reader_new,
        };
        _cleanup_(eventlog_freep) EventLog *base = NULL;
        Logfile *log;
        int r;

        log = calloc(1, sizeof(Logfile));
        if (!log)
                return -ENOMEM;
        base = &log->base;
        base->ops = &ops;
        log->segment_size = options->segment_size;
        r = store_init(&log->store, options->directory, options->report, options->userdata);
        if (r < 0)
                return r;
        r = trimmer_new(&log->store,
                        &(TrimmerLimits){
                                .segment_size = options->segment_size,
                                .max_size = options->max_size,
                                .max_age_nsec = options->max_age_nsec,
                                .keep_free = options->keep_free,
                                .keep_free_percent = options->keep_free_percent,
                        },
                        &log->trimmer);
        if (r < 0)
                return r;
        log->pending = json_object_new_object();
        if (!log->pending)
                return -ENOMEM;

        *ret = TAKE_PTR(base);
        return 0;
}
