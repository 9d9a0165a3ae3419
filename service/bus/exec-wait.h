/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ExecWaits: calls of WaitExecExit, which are answered when an exec session has ended.
 *
 * What is waited for is looked for once, by as many as ask: among what runs, and if the sources do
 * not know it, in the history, up to its end. What runs is waited for: one reader follows the log
 * while anybody waits, and goes on where such a question ends, or before. So an end that is
 * committed between asking and waiting is not missed.
 *
 * All is done in turns, and answers wait while the broker does not read: who waits, and who does
 * not read his answer, costs nobody else anything.
 */

#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "bus/bus.h"
#include "bus/outbox.h"

typedef struct ExecWaits ExecWaits;

/* Host and outbox, with a bus, must outlive them. */
int exec_waits_new(const BusHost *host, Outbox *outbox, ExecWaits **ret);

/* Takes NULL; returns NULL. Calls that are not answered stay so. */
ExecWaits *exec_waits_free(ExecWaits *waits);

static inline void exec_waits_freep(ExecWaits **waits)
{
        exec_waits_free(*waits);
}

/*
 * Takes over the call of a user, and answers it when the exec session with that ID has ended, or
 * after a time (0: never). Returns 1 as a method handler does, or negative with "error" set, and
 * then the caller answers.
 */
int exec_waits_add(ExecWaits *waits, sd_bus_message *call, uid_t uid, const char *id,
                   uint64_t timeout_usec, sd_bus_error *error);

/* The history has more, or cannot be written. */
void exec_waits_committed(ExecWaits *waits);
