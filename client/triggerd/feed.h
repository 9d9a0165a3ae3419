/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The events that a trigger's filters let through: a subscription that is made again when it ends,
 * behind the last event that was taken.
 */

#include "client-pool.h"
#include "trigger.h"

typedef struct Feed Feed;

typedef struct FeedHandler {
        /* Negative: it was not taken, and comes again. The feed may be stopped in it. */
        int (*event)(cev_event *e, void *userdata);

        /* Nothing more is at hand: all that matches up to that cursor was handed over. */
        void (*rest)(const char *cursor, void *userdata);
} FeedHandler;

/* Takes a place in the pool, which must outlive it. */
int feed_new(ClientPool *clients, const FeedHandler *handler, void *userdata, Feed **ret);
Feed *feed_free(Feed *f);

/* Goes on with the filters of that trigger, which is borrowed: behind what was taken, else behind
 * that cursor, or with NULL from now on. */
void feed_start(Feed *f, const Trigger *trigger, const char *cursor);
void feed_stop(Feed *f);

/* Its name and so on have moved; its filters are the same. */
void feed_set_trigger(Feed *f, const Trigger *trigger);
