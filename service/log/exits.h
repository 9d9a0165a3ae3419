/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Exits: answers how an exec session or a container ended from the table of exit codes
 * (log/exit-table.h), which it fills from the log behind what is recorded.
 */

#include <stdint.h>

#include "log/eventlog.h"
#include "log/exit-table.h"

typedef struct Exits Exits;

/* The log must be open and outlive it. Returns -ENOMEM; a table that cannot be had is done without.
 */
int exits_new(EventLog *log, Exits **ret);

/* Takes NULL; returns NULL. Makes the table durable. */
Exits *exits_free(Exits *exits);

static inline void exits_freep(Exits **exits)
{
        exits_free(*exits);
}

/* Does a step of bringing the table up to the log. Returns 1 if there is more to do. */
int exits_tend(Exits *exits);

/* Returns 1 with the code of what has that full ID, or 0 if the log is to be asked. */
int exits_find(Exits *exits, ExitKind kind, const char *id, int32_t *ret_code);
