/* SPDX-License-Identifier: Apache-2.0 */
#include "coalescer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"

struct Batch {
        Coalescer *owner;
        Batch *next;
        char *unit; /* owned */
        uint64_t token;
        cev_event *last; /* counted */
        uint64_t n;
        sd_event_source *timer;
};

struct Coalescer {
        sd_event *loop; /* shared */
        CoalescerHandler handler;
        void *userdata;
        Batch *batches; /* owned */
};

static Batch *batch_free(Batch *b)
{
        if (!b)
                return NULL;
        sd_event_source_disable_unref(b->timer);
        cev_event_unref(b->last);
        free(b->unit);
        free(b);
        return NULL;
}

static void batch_freep(Batch **b)
{
        batch_free(*b);
}

static Batch *find(const Coalescer *c, const char *unit)
{
        for (Batch *b = c->batches; b; b = b->next)
                if (strcmp(b->unit, unit) == 0)
                        return b;
        return NULL;
}

uint64_t coalescer_find(const Coalescer *c, const char *unit)
{
        const Batch *b = find(c, unit);

        return b ? b->token : 0;
}

static int on_over(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_(batch_freep) Batch *b = userdata;
        Coalescer *c = b->owner;
        Batch **p = &c->batches;

        while (*p != b)
                p = &(*p)->next;
        *p = b->next;
        c->handler(b->unit, b->token, b->last, b->n, c->userdata);
        return 0;
}

int coalescer_add(Coalescer *c, const char *unit, uint64_t token, cev_event *event, uint64_t usec)
{
        _cleanup_(batch_freep) Batch *b = NULL;
        Batch *open = find(c, unit);
        int r;

        if (open) {
                cev_event_unref(open->last);
                open->last = cev_event_ref(event);
                open->n++;
                return 0;
        }
        b = calloc(1, sizeof(Batch));
        if (!b)
                return -ENOMEM;
        *b = (Batch){ .owner = c, .token = token, .last = cev_event_ref(event), .n = 1 };
        b->unit = strdup(unit);
        if (!b->unit)
                return -ENOMEM;
        r = sd_event_add_time_relative(c->loop, &b->timer, CLOCK_MONOTONIC, usec, 0, on_over, b);
        if (r < 0)
                return r;
        b->next = c->batches;
        c->batches = TAKE_PTR(b);
        return 0;
}

Coalescer *coalescer_free(Coalescer *c)
{
        if (!c)
                return NULL;
        while (c->batches) {
                Batch *b = c->batches;

                c->batches = b->next;
                batch_free(b);
        }
        sd_event_unref(c->loop);
        free(c);
        return NULL;
}

int coalescer_new(sd_event *loop, CoalescerHandler handler, void *userdata, Coalescer **ret)
{
        Coalescer *c = calloc(1, sizeof(Coalescer));

        if (!c)
                return -ENOMEM;
        *c = (Coalescer){ .loop = sd_event_ref(loop), .handler = handler, .userdata = userdata };
        *ret = c;
        return 0;
}
