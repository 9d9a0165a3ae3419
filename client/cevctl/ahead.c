/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

void ahead_done(Ahead *a)
{
        for (size_t i = a->first; i < a->n; i++)
                sd_bus_message_unref(a->messages[i]);
        free(a->messages);
        free(a->seqs);
        *a = (Ahead){};
}

static int make_room(Ahead *a)
{
        if (a->messages)
                return 0;
        a->messages = calloc(AHEAD_MAX, sizeof(*a->messages));
        a->seqs = calloc(AHEAD_MAX, sizeof(*a->seqs));
        if (a->messages && a->seqs)
                return 0;
        ahead_done(a);
        return -ENOMEM;
}

int ahead_add(Ahead *a, const Event *e)
{
        int r;

        if (a->n == AHEAD_MAX || (a->n > a->first && e->seq <= a->seqs[a->n - 1]))
                return 0;
        r = make_room(a);
        if (r < 0)
                return r;
        a->messages[a->n] = sd_bus_message_ref(e->message);
        a->seqs[a->n++] = e->seq;
        return 0;
}

static sd_bus_message *remove_first(Ahead *a)
{
        return a->messages[a->first++];
}

uint64_t ahead_next(Ahead *a, uint64_t seq)
{
        while (a->first < a->n && a->seqs[a->first] <= seq)
                sd_bus_message_unref(remove_first(a));
        if (a->first < a->n)
                return a->seqs[a->first];

        ahead_done(a);
        return 0;
}

int ahead_take(Ahead *a, Event *ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = remove_first(a);
        int r;

        r = sd_bus_message_rewind(m, true);
        return r < 0 ? r : event_read(m, ret);
}
