/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Ahead: signals of events that the history does not have yet, kept while it is asked for what
 * comes before them. Others need not be kept: the history has theirs.
 */

#include <stddef.h>
#include <stdint.h>

#include "event.h"

/* What comes in while a page is on its way, and more. When there is no room for one, the history
 * has it later. */
#define AHEAD_MAX 1024

typedef struct AheadSignal {
        sd_bus_message *message; /* owned */
        uint64_t seq;
        uint64_t n_unsignalled; /* as it says */
} AheadSignal;

typedef struct Ahead {
        AheadSignal *signals; /* owned; in order of their numbers */
        size_t first, n;      /* those before "first" were taken */
} Ahead;

void ahead_done(Ahead *a);

/* Keeps one with a greater number than all that are kept. Returns -ENOMEM. */
int ahead_add(Ahead *a, const Event *e);

/* The next one behind "seq", dropping those up to it; NULL if there is none. Valid until it is
 * taken.
 */
const AheadSignal *ahead_next(Ahead *a, uint64_t seq);

/* Takes that one. */
int ahead_take(Ahead *a, Event *ret);
