/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a round and an update work with. All of it is the daemon's, and outlives them.
 */

#include <stdbool.h>

#include "engine.h"
#include "ledger.h"
#include "publisher.h"
#include "settings.h"
#include "unit-link.h"

typedef struct Desk {
        sd_event *loop;
        const Settings *settings;
        Engine *engine;
        Ledger *ledger;
        Publisher *publisher;
        UnitLink *units;
        bool user;
} Desk;

/* Of CLOCK_REALTIME and CLOCK_MONOTONIC, in this turn of the loop. */
static inline uint64_t desk_now_usec(const Desk *d)
{
        uint64_t usec = 0;

        (void)sd_event_now(d->loop, CLOCK_REALTIME, &usec);
        return usec;
}

static inline uint64_t desk_monotonic_usec(const Desk *d)
{
        uint64_t usec = 0;

        (void)sd_event_now(d->loop, CLOCK_MONOTONIC, &usec);
        return usec;
}
