/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* The emitter and the queries. */
#define WAITING_MAX 2

/* Sent while there was room, and one more to look behind them. */
#define NOTES_MAX (OUTBOX_MESSAGES_MAX + 1)

/* A message that may not be written yet. */
typedef struct Note {
        uint64_t cookie; /* sd-bus's number: grows by 1 with each message of the connection */
        uint64_t seq;
        size_t size;
} Note;

struct Outbox {
        sd_bus *bus;                /* weak; NULL: there is none */
        sd_event_source *post;      /* owned: looks whether there is room again */
        Turn *waiting[WAITING_MAX]; /* weak; NULL: a free place */
        Note notes[NOTES_MAX];      /* a ring */
        size_t first, n;
        size_t size; /* of them together */
};

static Note *note_at(Outbox *outbox, size_t i)
{
        return outbox->notes + (outbox->first + i) % NOTES_MAX;
}

static void pop(Outbox *outbox)
{
        outbox->size -= note_at(outbox, 0)->size;
        outbox->first = (outbox->first + 1) % NOTES_MAX;
        outbox->n--;
}

static void push(Outbox *outbox, const Note *note)
{
        if (outbox->n == NOTES_MAX)
                pop(outbox); /* forgotten at worst: whoever misses a signal asks */
        *note_at(outbox, outbox->n++) = *note;
        outbox->size += note->size;
}

/* Forgets what was written for sure: sd-bus tells how many messages wait, also those that are not
 * ours, but not which. Returns that number. */
static uint64_t update(Outbox *outbox)
{
        uint64_t n_queued = 0;

        if (!outbox->bus || sd_bus_get_n_queued_write(outbox->bus, &n_queued) < 0)
                return 0;
        if (outbox->n > 0) {
                uint64_t newest = note_at(outbox, outbox->n - 1)->cookie;

                while (outbox->n > 0 && note_at(outbox, 0)->cookie + n_queued <= newest)
                        pop(outbox);
                if (n_queued == 0)
                        outbox->n = outbox->size = 0;
        }
        return n_queued;
}

bool outbox_is_full(Outbox *outbox)
{
        return update(outbox) >= OUTBOX_MESSAGES_MAX || outbox->size >= OUTBOX_SIZE_MAX;
}

static int on_post(sd_event_source *source, void *userdata)
{
        Outbox *outbox = userdata;
        bool waits = false;

        for (size_t i = 0; i < WAITING_MAX; i++)
                waits = waits || outbox->waiting[i];
        if (!waits || outbox_is_full(outbox))
                return 0;

        for (size_t i = 0; i < WAITING_MAX; i++) {
                Turn *turn = outbox->waiting[i];

                outbox->waiting[i] = NULL;
                if (turn)
                        turn_schedule(turn);
        }
        return 0;
}

int outbox_new(sd_event *loop, Outbox **ret)
{
        _cleanup_(outbox_freep) Outbox *outbox = NULL;
        int r;

        outbox = calloc(1, sizeof(Outbox));
        if (!outbox)
                return -ENOMEM;
        r = sd_event_add_post(loop, &outbox->post, on_post, outbox);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(outbox);
        return 0;
}

Outbox *outbox_free(Outbox *outbox)
{
        if (!outbox)
                return NULL;

        sd_event_source_disable_unref(outbox->post);
        free(outbox);
        return NULL;
}

void outbox_set_bus(Outbox *outbox, sd_bus *bus)
{
        outbox->bus = bus;
        outbox->n = outbox->size = 0;
}

sd_bus *outbox_bus(const Outbox *outbox)
{
        return outbox->bus;
}

int outbox_send(Outbox *outbox, sd_bus_message *message, size_t size, uint64_t seq)
{
        Note note = { .seq = seq, .size = size };
        int r;

        if (!outbox->bus)
                return -ENOTCONN;
        r = sd_bus_send(outbox->bus, message, &note.cookie);
        if (r < 0)
                return r;
        push(outbox, &note);
        return r;
}

void outbox_wait(Outbox *outbox, Turn *turn)
{
        outbox_forget(outbox, turn);
        for (size_t i = 0; i < WAITING_MAX; i++) {
                if (!outbox->waiting[i]) {
                        outbox->waiting[i] = turn;
                        return;
                }
        }
}

void outbox_forget(Outbox *outbox, const Turn *turn)
{
        for (size_t i = 0; i < WAITING_MAX; i++)
                if (outbox->waiting[i] == turn)
                        outbox->waiting[i] = NULL;
}

/* Something behind everything else, so that the newest cookie is known. */
static int send_last(Outbox *outbox)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *ping = NULL;
        int r;

        r = sd_bus_message_new_method_call(outbox->bus, &ping, "org.freedesktop.DBus",
                                           "/org/freedesktop/DBus", "org.freedesktop.DBus.Peer",
                                           "Ping");
        if (r < 0)
                return r;
        r = sd_bus_message_set_expect_reply(ping, false);
        if (r < 0)
                return r;
        return outbox_send(outbox, ping, 0, 0);
}

uint64_t outbox_first_unsent(Outbox *outbox)
{
        if (!outbox->bus || send_last(outbox) < 0)
                return 0;

        update(outbox);
        for (size_t i = 0; i < outbox->n; i++)
                if (note_at(outbox, i)->seq > 0)
                        return note_at(outbox, i)->seq;
        return 0;
}
