/* SPDX-License-Identifier: Apache-2.0 */
/* The line of those who ask over one connection. */
#include "gate.h"

#include <stdlib.h>

#include "cleanup.h"
#include "tap.h"

#define N (GATE_PLACES_MAX + 3)

static GatePlace places[N];
static int granted[N];
static unsigned n_granted;

static void on_granted(GatePlace *place)
{
        granted[n_granted++] = (int)(place - places);
}

static void run(sd_event *loop)
{
        while (sd_event_run(loop, 0) > 0)
                ;
}

int main(void)
{
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;
        unsigned n_at_once = 0;
        Gate *gate = NULL;

        tap_eq_int(sd_event_new(&loop), 0, "a loop");
        tap_ok(gate_enter(NULL, &places[0]), "without a gate nobody waits");
        gate_leave(NULL, &places[0]);
        tap_eq_int(gate_new(loop, &gate), 0, "a gate");

        for (int i = 0; i < N; i++) {
                places[i].granted = on_granted;
                n_at_once += gate_enter(gate, &places[i]);
        }
        tap_eq_u64(n_at_once, GATE_PLACES_MAX, "so many at once");
        tap_ok(gate_enter(gate, &places[0]), "who has a place has it");
        tap_ok(!gate_enter(gate, &places[N - 1]), "who waits waits once");
        run(loop);
        tap_eq_u64(n_granted, 0, "nobody else");

        gate_leave(gate, &places[GATE_PLACES_MAX + 1]);
        gate_leave(gate, &places[0]);
        tap_eq_u64(n_granted, 0, "who leaves is not disturbed");
        run(loop);
        tap_eq_u64(n_granted, 1, "one for one");
        tap_eq_int(granted[0], GATE_PLACES_MAX, "the first in the line");
        gate_leave(gate, &places[0]);
        run(loop);
        tap_eq_u64(n_granted, 1, "who has left leaves nothing");
        gate_leave(gate, &places[1]);
        run(loop);
        tap_eq_u64(n_granted, 2, "the next");
        tap_eq_int(granted[1], N - 1, "without the one that had left the line");

        gate_leave(gate, &places[2]);
        tap_ok(gate_enter(gate, &places[2]), "without a line there is no waiting");
        gate_free(gate);
        return tap_done();
}
