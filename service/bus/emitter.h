/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Emitter: publishes what the history has committed, as the signal EventEmitted, in order of seq.
 * It reads the log like anybody else, so however much there is to publish, memory holds only what
 * sd-bus has queued; and it takes turns with everything else in the loop.
 *
 * While the history cannot be written it goes on with what waits for that, as far as the log lets
 * it (eventlog_uncommitted_next()), and says so in the signal; what is recorded later was
 * published.
 *
 * It starts behind what the history held when the service started: signals are not repeated.
 *
 * The ends of health checks' exec sessions are left out, unless it is told otherwise; the next
 * signal says how many they were, so that who follows does not take them for missing.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "bus/outbox.h"
#include "log/eventlog.h"

typedef struct Emitter Emitter;

/* Returns -ENOMEM or what sd-event says. The log and the outbox must outlive the emitter. */
int emitter_new(Outbox *outbox, sd_event *loop, EventLog *log, Emitter **ret);

/* Whether the ends of health checks' exec sessions are published, too; at first they are not. */
void emitter_set_health_check_execs(Emitter *emitter, bool published);

/* Takes NULL; returns NULL. */
Emitter *emitter_free(Emitter *emitter);

static inline void emitter_freep(Emitter **emitter)
{
        emitter_free(*emitter);
}

/* The history is open: what it gets from now on is published. Returns -ENOMEM. */
int emitter_start(Emitter *emitter);

/* Without the name on the bus nothing is published: the policy that keeps signals from others holds
 * for its owner only. */
void emitter_set_named(Emitter *emitter, bool named);

/* Goes back to an event that it published in vain. Returns -ENOMEM, and then goes on behind it. */
int emitter_rewind(Emitter *emitter, uint64_t seq);

/* The history has more. */
void emitter_kick(Emitter *emitter);
