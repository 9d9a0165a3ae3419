/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Turn: work that is done a piece at a time, between whatever else the loop has to do.
 *
 * Among event sources of one priority sd-event dispatches the one first that has been pending for
 * longest. A defer source that enables itself again counts from the time when it was made, and so
 * goes before everything else for ever; hence a turn is a new defer source each time.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

typedef struct Turn {
        sd_event *loop; /* weak */
        void (*run)(void *userdata);
        void *userdata;
        sd_event_source *source; /* owned */
        bool scheduled;
} Turn;

/* Returns what sd-event says. The turn must not move in memory. */
int turn_init(Turn *turn, sd_event *loop, void (*run)(void *userdata), void *userdata);

/* Takes one that was never initialised. */
void turn_done(Turn *turn);

/* Lets it run once, behind what is pending now; it may be called from run(), and more than once. */
void turn_schedule(Turn *turn);
