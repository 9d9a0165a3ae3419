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

/* sd-bus queues 393,216 messages before it refuses one, and the broker reads at its own pace: more
 * than this is not handed to them. */
#define QUEUED_MAX 1024

struct Emitter {
        sd_bus *bus;       /* weak */
        EventLog *log;     /* weak */
        LogReader *reader; /* owned; NULL until the log is open */
        RecordParser parser;
        Turn turn;             /* publishes some */
        sd_event_source *post; /* owned: looks whether a full queue has drained */
        bool named;
        bool waits_for_queue;
};

static int emit_record(Emitter *emitter, const char *line, size_t length)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        const EventFields *event;
        int r;

        r = record_parser_read(&emitter->parser, line, length, &event);
        if (r < 0)
                return r;
        if (event->backlog)
                return 0;
        r = bus_event_new_signal(emitter->bus, event, &signal);
        if (r < 0)
                return r;

        return sd_bus_send(emitter->bus, signal, NULL);
}

static bool queue_is_full(Emitter *emitter)
{
        uint64_t n = 0;

        return sd_bus_get_n_queued_write(emitter->bus, &n) >= 0 && n >= QUEUED_MAX;
}

/* Returns 1 if there is more. */
static int emit_some(Emitter *emitter)
{
        size_t bytes = 0, length;

        for (unsigned n = 0; n < SIGNALS_PER_TURN && bytes < BYTES_PER_TURN; n++, bytes += length) {
                const char *line;
                int r;

                if (queue_is_full(emitter)) {
                        emitter->waits_for_queue = true;
                        return 0;
                }
                r = log_reader_next(emitter->reader, &line, &length);
                if (r <= 0)
                        return r;
                r = emit_record(emitter, line, length);
                if (r < 0)
                        log_warning("Event %" PRIu64 " cannot be published: %s.",
                                    log_reader_seq(emitter->reader), strerror(-r));
        }

        return 1;
}

static void on_turn(void *userdata)
{
        Emitter *emitter = userdata;
        int r;

        if (!emitter->named || !emitter->reader)
                return;

        r = emit_some(emitter);
        if (r < 0)
                log_error("The history cannot be read for publishing: %s.", strerror(-r));
        if (r > 0)
                turn_schedule(&emitter->turn);
}

static int on_post(sd_event_source *source, void *userdata)
{
        Emitter *emitter = userdata;

        if (emitter->waits_for_queue && !queue_is_full(emitter)) {
                emitter->waits_for_queue = false;
                turn_schedule(&emitter->turn);
        }
        return 0;
}

int emitter_new(sd_bus *bus, sd_event *loop, EventLog *log, Emitter **ret)
{
        _cleanup_(emitter_freep) Emitter *emitter = NULL;
        int r;

        emitter = calloc(1, sizeof(Emitter));
        if (!emitter)
                return -ENOMEM;
        emitter->bus = bus;
        emitter->log = log;
        r = turn_init(&emitter->turn, loop, on_turn, emitter);
        if (r < 0)
                return r;
        r = sd_event_add_post(loop, &emitter->post, on_post, emitter);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(emitter);
        return 0;
}

Emitter *emitter_free(Emitter *emitter)
{
        if (!emitter)
                return NULL;

        turn_done(&emitter->turn);
        sd_event_source_disable_unref(emitter->post);
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
        return log_reader_new(emitter->log,
                              &(LogQuestion){ .after_seq = eventlog_newest_seq(emitter->log) },
                              &emitter->reader);
}

void emitter_kick(Emitter *emitter)
{
        if (emitter->named && emitter->reader)
                turn_schedule(&emitter->turn);
}
