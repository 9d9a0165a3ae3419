/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How many questions all that share a connection have under way at once. Each of many subscriptions
 * has a question at each signal. The service refuses a user more than 16 at a time, and if who is
 * refused comes back later and later, some wait for many seconds; a line serves all of them at
 * once.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

/* Two such connections of a user do not hinder each other. */
#define GATE_PLACES_MAX 8

typedef struct Gate Gate;

/* Of one who asks: a place, or one in the line for it. Must be left before it goes. */
typedef struct GatePlace GatePlace;
struct GatePlace {
        void (*granted)(GatePlace *place); /* to who had to wait; from the loop */
        GatePlace *next;                   /* in the line */
        bool taken, waits;
};

int gate_new(sd_event *loop, Gate **ret);
Gate *gate_free(Gate *g); /* all places have been left */

/* Whether it is granted at once. Without a gate (NULL) it always is. */
bool gate_enter(Gate *g, GatePlace *place);
void gate_leave(Gate *g, GatePlace *place);
