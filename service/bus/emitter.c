/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/emitter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/turn.h"
#include "bus/event.h"
#include "log/log-reader.h"
#include "log/record-parser.h"

/* Signals, and bytes of their records, in one turn of the loop: systemd's own budget; a turn stays
 * in the milliseconds. */
#define SIGNALS_PER_TURN 100
#define BYTES_PER_TURN   (256 * 1024)

/* When the history cannot be read: soon again at first, since descriptors and memory that are short
 * are short for a moment; then less and less often. */
#define RETRY_USEC_MIN UINT64_C(100000)
#define RETRY_USEC_MAX UINT64_C(10000000)

struct Emitter {
        Outbox *outbox;    /* weak */
        EventLog *log;     /* weak */
        LogReader *reader; /* owned; NULL until the log is open */
        RecordParser parser;
        Turn turn;           /* publishes some */
        uint64_t seq;        /* the last that was published, or passed over */
        uint32_t n_left_out; /* right up to there, since nobody is to hear of them */

        sd_event_source *retry; /* owned: off unless the history could not be read */
        uint64_t retry_usec;    /* the next delay */
        int error;              /* why it could not be read; 0: it could */

        bool named;
        bool health_check_execs; /* are published */
};

/* A record that comes next. */
typedef struct Candidate {
        const char *line;
        size_t length;
        uint64_t seq;
        bool unrecorded; /* it only waits for the history */
} Candidate;

int emitter_rewind(Emitter *emitter, uint64_t seq)
{
        uint64_t newest = eventlog_newest_seq(emitter->log);
        LogQuestion question = { .after_seq = seq <= newest ? seq - 1 : newest };
        LogReader *reader;
        int r;

        r = log_reader_new(emitter->log, &question, &reader);
        if (r < 0)
                return r;
        log_reader_free(emitter->reader);
        emitter->reader = reader;
        emitter->seq = seq - 1;
        emitter->n_left_out = 0;
        return 0;
}

/* Who follows would have to ask for what is not counted, as he has to for backlog. */
static bool is_left_out(Emitter *emitter, const EventFields *event)
{
        if (event->backlog) {
                emitter->n_left_out = 0;
                return true;
        }
        if (emitter->health_check_execs || !event_is_health_check_exec(event))
                return false;
        emitter->n_left_out += emitter->n_left_out < UINT32_MAX;
        return true;
}

static int emit_record(Emitter *emitter, const Candidate *candidate)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        const EventFields *event;
        EventFields fields;
        int r;

        r = record_parser_read(&emitter->parser, candidate->line, candidate->length, &event);
        if (r < 0) {
                emitter->n_left_out = 0;
                return r;
        }
        if (is_left_out(emitter, event))
                return 0;
        fields = *event;
        fields.unrecorded = candidate->unrecorded;
        fields.unsignalled = emitter->n_left_out;
        fields.has_unsignalled = emitter->n_left_out > 0;
        emitter->n_left_out = 0;
        r = bus_event_new_signal(outbox_bus(emitter->outbox), &fields, &signal);
        if (r < 0)
                return r;

        return outbox_send(emitter->outbox, signal, bus_event_size(&fields), candidate->seq);
}

/* A first start on a large log: what is not signalled need not be read either. */
static void pass_backlog(Emitter *emitter)
{
        uint64_t newest = eventlog_newest_seq(emitter->log);

        if (emitter->seq >= newest || eventlog_live_seq(emitter->log) > emitter->seq)
                return;
        log_reader_pass(emitter->reader, newest);
        emitter->seq = newest;
        emitter->n_left_out = 0;
}

/* The next of the history, and behind its end what waits for it. Returns as log_reader_next(). */
static int next_candidate(Emitter *emitter, Candidate *ret)
{
        Candidate candidate = {};
        int r = 0;

        pass_backlog(emitter);
        if (emitter->seq < eventlog_newest_seq(emitter->log))
                r = log_reader_next(emitter->reader, &candidate.line, &candidate.length);
        if (r < 0 || r == LOG_READER_AGAIN)
                return r;
        if (r > 0)
                candidate.seq = log_reader_seq(emitter->reader);
        else if (eventlog_uncommitted_next(emitter->log, emitter->seq, &candidate.line,
                                           &candidate.length, &candidate.seq))
                candidate.unrecorded = true;
        else
                return 0;

        *ret = candidate;
        return 1;
}

/* Returns 1 if there is more. */
static int emit_some(Emitter *emitter)
{
        Candidate candidate;
        size_t bytes = 0;

        for (unsigned n = 0; n < SIGNALS_PER_TURN && bytes < BYTES_PER_TURN; n++) {
                int r;

                if (outbox_is_full(emitter->outbox)) {
                        outbox_wait(emitter->outbox, &emitter->turn);
                        return 0;
                }
                r = next_candidate(emitter, &candidate);
                if (r == LOG_READER_AGAIN)
                        return 1;
                if (r <= 0)
                        return r;
                bytes += candidate.length;
                /* It was published before it was recorded. */
                if (candidate.seq <= emitter->seq)
                        continue;
                if (candidate.seq != emitter->seq + 1)
                        emitter->n_left_out = 0;
                emitter->seq = candidate.seq;
                r = emit_record(emitter, &candidate);
                if (r == -ENOTCONN || r == -ECONNRESET)
                        /* The bus will say so itself: until then nothing is passed over. */
                        return emitter_rewind(emitter, candidate.seq);
                if (r < 0)
                        log_warning("Event %" PRIu64 " cannot be published: %s.", emitter->seq,
                                    strerror(-r));
        }

        return 1;
}

/* The reader stays where it is, and perhaps nothing is committed that would remind us. */
static void try_again_later(Emitter *emitter, int error)
{
        if (error != emitter->error)
                log_error("The history cannot be read for publishing: %s.", strerror(-error));
        emitter->error = error;
        sd_event_source_set_time_relative(emitter->retry, emitter->retry_usec);
        sd_event_source_set_enabled(emitter->retry, SD_EVENT_ONESHOT);
        emitter->retry_usec *= 2;
        if (emitter->retry_usec > RETRY_USEC_MAX)
                emitter->retry_usec = RETRY_USEC_MAX;
}

static void is_readable(Emitter *emitter)
{
        emitter->error = 0;
        emitter->retry_usec = RETRY_USEC_MIN;
        sd_event_source_set_enabled(emitter->retry, SD_EVENT_OFF);
}

static void on_turn(void *userdata)
{
        Emitter *emitter = userdata;
        int r;

        if (!emitter->named || !emitter->reader)
                return;

        r = emit_some(emitter);
        if (r < 0)
                try_again_later(emitter, r);
        else
                is_readable(emitter);
        if (r > 0)
                turn_schedule(&emitter->turn);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        emitter_kick(userdata);
        return 0;
}

int emitter_new(Outbox *outbox, sd_event *loop, EventLog *log, Emitter **ret)
{
        _cleanup_(emitter_freep) Emitter *emitter = NULL;
        int r;

        emitter = calloc(1, sizeof(Emitter));
        if (!emitter)
                return -ENOMEM;
        emitter->outbox = outbox;
        emitter->log = log;
        r = turn_init(&emitter->turn, loop, on_turn, emitter);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(loop, &emitter->retry, CLOCK_MONOTONIC, 0, 0, on_retry,
                                       emitter);
        if (r < 0)
                return r;
        is_readable(emitter);

        *ret = TAKE_PTR(emitter);
        return 0;
}

Emitter *emitter_free(Emitter *emitter)
{
        if (!emitter)
                return NULL;

        outbox_forget(emitter->outbox, &emitter->turn);
        turn_done(&emitter->turn);
        sd_event_source_disable_unref(emitter->retry);
        log_reader_free(emitter->reader);
        record_parser_done(&emitter->parser);
        free(emitter);
        return NULL;
}

void emitter_set_named(Emitter *emitter, bool named)
{
        emitter->named = named;
        emitter_kick(emitter);
}

int emitter_start(Emitter *emitter)
{
        if (emitter->reader)
                return 0;
        emitter->seq = eventlog_newest_seq(emitter->log);
        return log_reader_new(emitter->log, &(LogQuestion){ .after_seq = emitter->seq },
                              &emitter->reader);
}

void emitter_kick(Emitter *emitter)
{
        if (emitter->named && emitter->reader)
                turn_schedule(&emitter->turn);
}

void emitter_set_health_check_execs(Emitter *emitter, bool published)
{
        emitter->health_check_execs = published;
}
