/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

void ahead_done(Ahead *a)
{
        for (size_t i = a->first; i < a->n; i++)
                sd_bus_message_unref(a->signals[i].message);
        free(a->signals);
        *a = (Ahead){};
}

static int make_room(Ahead *a)
{
        if (!a->signals)
                a->signals = calloc(AHEAD_MAX, sizeof(AheadSignal));
        return a->signals ? 0 : -ENOMEM;
}

int ahead_add(Ahead *a, const Event *e)
{
        int r;

        if (a->n == AHEAD_MAX || (a->n > a->first && e->seq <= a->signals[a->n - 1].seq))
                return 0;
        r = make_room(a);
        if (r < 0)
                return r;
        a->signals[a->n++] = (AheadSignal){
                .message = sd_bus_message_ref(e->message),
                .seq = e->seq,
                .n_unsignalled = e->unsignalled,
        };
        return 0;
}

static sd_bus_message *remove_first(Ahead *a)
{
        return a->signals[a->first++].message;
}

const AheadSignal *ahead_next(Ahead *a, uint64_t seq)
{
        while (a->first < a->n && a->signals[a->first].seq <= seq)
                sd_bus_message_unref(remove_first(a));
        if (a->first < a->n)
                return a->signals + a->first;

        ahead_done(a);
        return NULL;
}

int ahead_take(Ahead *a, Event *ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = remove_first(a);
        int r;

        r = sd_bus_message_rewind(m, true);
        return r < 0 ? r : event_read(m, ret);
}
