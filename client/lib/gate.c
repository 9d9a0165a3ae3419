/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>

struct Gate {
        sd_event_source *turn; /* when the next one's is */
        GatePlace *first;      /* the line */
        unsigned n_taken;
};

static bool has_room(const Gate *g)
{
        return g->n_taken < GATE_PLACES_MAX;
}

static void take(Gate *g, GatePlace *place)
{
        place->taken = true;
        g->n_taken++;
}

/* Not from here: whoever leaves is in the middle of something. */
static void grant_soon(Gate *g)
{
        if (g->first && has_room(g))
                (void)sd_event_source_set_enabled(g->turn, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, void *userdata)
{
        Gate *g = userdata;
        GatePlace *place = g->first;

        if (!place || !has_room(g))
                return 0;
        g->first = place->next;
        place->waits = false;
        take(g, place);
        grant_soon(g);
        place->granted(place); /* the gate may be gone after this */
        return 0;
}

bool gate_enter(Gate *g, GatePlace *place)
{
        GatePlace **last;

        if (!g || place->taken)
                return true;
        if (place->waits)
                return false;
        if (!g->first && has_room(g)) {
                take(g, place);
                return true;
        }
        for (last = &g->first; *last; last = &(*last)->next)
                ;
        *last = place;
        place->next = NULL;
        place->waits = true;
        return false;
}

void gate_leave(Gate *g, GatePlace *place)
{
        GatePlace **p;

        if (place->waits) {
                for (p = &g->first; *p != place; p = &(*p)->next)
                        ;
                *p = place->next;
                place->waits = false;
        }
        if (!place->taken)
                return;
        place->taken = false;
        g->n_taken--;
        grant_soon(g);
}

Gate *gate_free(Gate *g)
{
        if (!g)
                return NULL;
        sd_event_source_disable_unref(g->turn);
        free(g);
        return NULL;
}

int gate_new(sd_event *loop, Gate **ret)
{
        Gate *g = calloc(1, sizeof(Gate));
        int r;

        if (!g)
                return -ENOMEM;
        r = sd_event_add_defer(loop, &g->turn, on_turn, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->turn, SD_EVENT_OFF);
        if (r < 0) {
                gate_free(g);
                return r;
        }
        *ret = g;
        return 0;
}
