/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Outbox: what was given to sd-bus and is not written to the bus yet. sd-bus itself queues 393,216
 * messages of any size before it refuses one. When the broker reads slowly, or not at all, whoever
 * has much to send waits here instead, for the messages are still in the history.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/turn.h"

/* Messages, systemd's own limit, and bytes of large ones: what is written in some milliseconds when
 * the broker reads, and what we hold in memory when it does not. */
#define OUTBOX_MESSAGES_MAX 1024
#define OUTBOX_SIZE_MAX     (16 * 1024 * 1024)

typedef struct Outbox Outbox;

/* Returns -ENOMEM or what sd-event says. */
int outbox_new(sd_event *loop, Outbox **ret);

/* Takes NULL; returns NULL. */
Outbox *outbox_free(Outbox *outbox);

static inline void outbox_freep(Outbox **outbox)
{
        outbox_free(*outbox);
}

/* The connection that is sent over, which must outlive the outbox or be replaced; NULL: none. What
 * waits in the old one is forgotten. */
void outbox_set_bus(Outbox *outbox, sd_bus *bus);
sd_bus *outbox_bus(const Outbox *outbox);

/* Sends a message of some size; "seq" is the event that it publishes, 0 if it publishes none. */
int outbox_send(Outbox *outbox, sd_bus_message *message, size_t size, uint64_t seq);

/* Whether so much waits that the sender should, too: with outbox_wait(), which schedules the turn
 * when there is room. */
bool outbox_is_full(Outbox *outbox);
void outbox_wait(Outbox *outbox, Turn *turn);

/* The turn waits no longer. */
void outbox_forget(Outbox *outbox, const Turn *turn);

/* The first event that sd-bus has not written; 0 if there is none. To be asked once, before the
 * connection is given up. */
uint64_t outbox_first_unsent(Outbox *outbox);
