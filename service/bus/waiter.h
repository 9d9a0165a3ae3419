/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Waiters: calls whose answer waits for something to happen: whose they are, how many there may be,
 * and until when they wait. None costs a thread, a descriptor or a timer of its own.
 *
 * A waiter holds its call, which nothing but a message can be answered to: with it and all else a
 * waiter takes 1.5 KiB, of which 1.1 are sd-bus's message.
 */

#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/heap.h"

/*
 * 48 MiB of calls, of all users together; what all but root may have, who must not take root's
 * place; and what one may, over all connections: a controller waits for ten thousand exec sessions,
 * and two such leave room for others. On a user's bus that user is as root.
 */
#define WAITERS_MAX          32768
#define WAITERS_OF_USERS_MAX 28672
#define WAITERS_OF_USER_MAX  12288

typedef struct Waiters Waiters;
typedef struct WaitingCaller WaitingCaller;

typedef struct Waiter {
        TAILQ_ENTRY(Waiter) same; /* for whoever keeps it, and so is "what" */
        void *what;               /* weak */
        sd_bus_message *call;     /* owned */

        /* Of waiter.c. */
        WaitingCaller *caller; /* weak */
        LIST_ENTRY(Waiter) of_caller;
        HeapItem deadline; /* in no heap: there is none */
} Waiter;

typedef TAILQ_HEAD(WaiterList, Waiter) WaiterList;

typedef struct WaitersHandlers {
        /* The caller of this one left the bus: it is to be freed. */
        void (*left)(Waiter *waiter, void *userdata);

        /* The time of one is up: waiters_expired() tells whose. */
        void (*expired)(void *userdata);

        void *userdata;
} WaitersHandlers;

/* The bus must outlive them. */
int waiters_new(sd_event *loop, sd_bus *bus, const WaitersHandlers *handlers, Waiters **ret);

/* Takes NULL; returns NULL. All waiters must be freed before. */
Waiters *waiters_free(Waiters *waiters);

static inline void waiters_freep(Waiters **waiters)
{
        waiters_free(*waiters);
}

/* One more, for so long (0: for ever). Returns negative errno, with "error" set for one too many.
 */
int waiters_add(Waiters *waiters, sd_bus_message *call, uid_t uid, uint64_t timeout_usec,
                Waiter **ret, sd_bus_error *error);

/* Takes NULL; returns NULL. Its call stays unanswered if it was not answered before. */
Waiter *waiter_free(Waiter *waiter);

/* One whose time is up; NULL: there is none, and the handler is called when there is. */
Waiter *waiters_expired(Waiters *waiters);

/*
 * For queues in which connections take turns: where to stand there, behind who was served last at
 * "served". The first of each stand before the second of any.
 */
uint64_t waiter_place(Waiter *waiter, uint64_t served);
