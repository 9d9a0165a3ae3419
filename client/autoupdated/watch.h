/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether what a restarted unit runs now is well. A container without a health check is, when it
 * has run for some time and not ended; one with a health check when that says "healthy", for which
 * it has a time of its own. Deaths and health come from our events, as they happen; which
 * containers are up, and whether they have a health check, is looked up when the time has come.
 * Pure: the caller has the clock, and asks the engine.
 *
 *   begin --- event: died, unhealthy -----------------------------> failed
 *     |-- stable time over, or all said to be healthy --> look
 *   look: one is missing, or runs another image --------------------> failed
 *         one has a health check that has not answered --> wait on, up to the health time
 *         else ------------------------------------------------------> well
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "containers.h"
#include "plan.h"

typedef enum WatchState {
        WATCH_WAITING, /* until the deadline */
        WATCH_LOOK,    /* watch_look() has to be told what is up */
        WATCH_WELL,
        WATCH_FAILED,
} WatchState;

typedef struct Watch Watch;

/* Of the two images the watched one is the new one or, after rolling back, the old one. Containers
 * that were made before the restart may end as they like. */
typedef struct WatchOptions {
        const UnitPlan *plan; /* borrowed for as long as the watch lives */
        bool rolled_back;
        uint64_t since_nsec; /* when the restart was asked for, of CLOCK_REALTIME */
        uint64_t stable_usec;
        uint64_t health_usec;
} WatchOptions;

int watch_new(const WatchOptions *options, Watch **ret);
Watch *watch_free(Watch *w);

/* What a container's event says. Strings may be NULL but for status and ID. */
typedef struct WatchEvent {
        const char *status, *id, *name, *unit, *health;
        uint64_t time_nsec;
        int exit_code; /* with has_exit_code */
        bool has_exit_code;
} WatchEvent;

/* Also before watch_begin(): a unit's container may die before systemd says that it is up. */
int watch_event(Watch *w, const WatchEvent *e);

/* The unit is started; the time runs from now on. */
void watch_begin(Watch *w, uint64_t now_usec);

/* What the engine says of one container. */
typedef struct WatchLook {
        const char *id;
        const char *image_id;
        const char *health; /* "" without a health check; else "starting", "healthy", "unhealthy" */
        bool running;
} WatchLook;

/* What is up: one look for each change of the plan, in their order; id NULL: there is none. */
int watch_look(Watch *w, const WatchLook *looks, uint64_t now_usec);

WatchState watch_state(Watch *w, uint64_t now_usec);

/* While waiting: when to ask for the state again, if no event comes. UINT64_MAX: not begun. */
uint64_t watch_deadline(const Watch *w);

/* Once failed: a sentence without a period. Borrowed. */
const char *watch_problem(const Watch *w);

static inline void watch_freep(Watch **w)
{
        watch_free(*w);
}
