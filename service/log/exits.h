/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Exits: answers how an exec session or a container ended from the table of exit codes
 * (log/exit-table.h), which it fills with what is committed. What it was not told, being new, or
 * because the table was being made larger, it reads from the log. When most of what is in the table
 * must be gone from there, the table is made again instead of larger.
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

/* An event was committed, the next behind those that it was told of before. */
void exits_note(Exits *exits, const EventFields *event);

/* Does a step of bringing the table up to the log. Returns 1 if there is more to do. */
int exits_tend(Exits *exits);

/* Returns 1 with the code of what has that full ID, or 0 if the log is to be asked. */
int exits_find(Exits *exits, ExitKind kind, const char *id, int32_t *ret_code);
