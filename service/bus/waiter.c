/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/waiter.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bus/presence.h"
#include "names.h"

/* How late a timer may be, so that several wake us once. */
#define ACCURACY_USEC UINT64_C(1000)

/* When the last of so many is gone, what they took is given back: the C library keeps it. */
#define TRIM_MIN 1024

/* A connection that waits. */
struct WaitingCaller {
        LIST_ENTRY(WaitingCaller) all;
        Waiters *waiters; /* weak */
        Present *present; /* owned */
        uid_t uid;
        unsigned n;
        LIST_HEAD(, Waiter) list;
        uint64_t place; /* the last that it had in a queue */
};

struct Waiters {
        WaitersHandlers handlers;
        Presence *presence; /* owned */
        LIST_HEAD(, WaitingCaller) callers;
        Heap deadlines;
        sd_event_source *timer; /* owned */
        unsigned n, n_most;     /* since there was none */
};

/* ---- callers ---- */

static void caller_free(WaitingCaller *caller)
{
        presence_remove(caller->present);
        LIST_REMOVE(caller, all);
        free(caller);
}

/* The last of its waiters takes the caller with it. */
static void on_left(void *of_connection, void *userdata)
{
        WaitingCaller *caller = of_connection;
        Waiters *waiters = userdata;
        unsigned n = caller->n;

        caller->present = NULL;
        while (n-- > 0)
                waiters->handlers.left(LIST_FIRST(&caller->list), waiters->handlers.userdata);
}

static int get_caller(Waiters *waiters, const char *name, uid_t uid, WaitingCaller **ret)
{
        WaitingCaller *caller = presence_find(waiters->presence, name);
        int r;

        if (caller) {
                *ret = caller;
                return 0;
        }
        caller = calloc(1, sizeof(WaitingCaller));
        if (!caller)
                return -ENOMEM;
        r = presence_add(waiters->presence, name, caller, &caller->present);
        if (r < 0) {
                free(caller);
                return r;
        }

        caller->waiters = waiters;
        caller->uid = uid;
        LIST_INSERT_HEAD(&waiters->callers, caller, all);
        *ret = caller;
        return 0;
}

/* ---- limits ---- */

static bool is_trusted(uid_t uid)
{
        return uid == 0 || uid == getuid();
}

static int refuse(unsigned n, const char *whose, sd_bus_error *error)
{
        return sd_bus_error_setf(error, CE_ERROR_LIMITS_EXCEEDED,
                                 "%u calls%s wait already: call again later.", n, whose);
}

static int check_limits(const Waiters *waiters, uid_t uid, sd_bus_error *error)
{
        unsigned n_of_user = 0, n_of_users = 0;
        const WaitingCaller *caller;

        if (waiters->n >= WAITERS_MAX)
                return refuse(WAITERS_MAX, "", error);
        if (is_trusted(uid))
                return 0;

        LIST_FOREACH(caller, &waiters->callers, all)
        {
                n_of_user += caller->uid == uid ? caller->n : 0;
                n_of_users += is_trusted(caller->uid) ? 0 : caller->n;
        }
        if (n_of_user >= WAITERS_OF_USER_MAX)
                return refuse(WAITERS_OF_USER_MAX, " of yours", error);
        if (n_of_users >= WAITERS_OF_USERS_MAX)
                return refuse(WAITERS_OF_USERS_MAX, " of users", error);
        return 0;
}

/* ---- time ---- */

static uint64_t now_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Waiters *waiters = userdata;

        waiters->handlers.expired(waiters->handlers.userdata);
        return 0;
}

/* For the first deadline, if there is one. */
static void set_timer(Waiters *waiters)
{
        const HeapItem *first = heap_first(&waiters->deadlines);

        if (first)
                sd_event_source_set_time(waiters->timer, first->key);
        sd_event_source_set_enabled(waiters->timer, first ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int set_deadline(Waiters *waiters, Waiter *waiter, uint64_t timeout_usec)
{
        uint64_t deadline;
        int r;

        /* One that the clock does not reach is none. */
        if (timeout_usec == 0 || __builtin_add_overflow(now_usec(), timeout_usec, &deadline))
                return 0;
        r = heap_add(&waiters->deadlines, &waiter->deadline, deadline);
        if (r < 0)
                return r;
        if (heap_first(&waiters->deadlines) == &waiter->deadline)
                set_timer(waiters);
        return 0;
}

Waiter *waiters_expired(Waiters *waiters)
{
        HeapItem *first = heap_first(&waiters->deadlines);

        if (first && first->key <= now_usec())
                return HEAP_OF(first, Waiter, deadline);
        set_timer(waiters);
        return NULL;
}

/* ---- all of them ---- */

int waiters_new(sd_event *loop, sd_bus *bus, const WaitersHandlers *handlers, Waiters **ret)
{
        _cleanup_(waiters_freep) Waiters *waiters = NULL;
        int r;

        waiters = calloc(1, sizeof(Waiters));
        if (!waiters)
                return -ENOMEM;
        waiters->handlers = *handlers;
        if ((r = presence_new(bus, on_left, waiters, &waiters->presence)) < 0 ||
            (r = sd_event_add_time(loop, &waiters->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
                                   on_timer, waiters)) < 0 ||
            (r = sd_event_source_set_enabled(waiters->timer, SD_EVENT_OFF)) < 0)
                return r;

        *ret = TAKE_PTR(waiters);
        return 0;
}

Waiters *waiters_free(Waiters *waiters)
{
        if (!waiters)
                return NULL;

        heap_done(&waiters->deadlines);
        sd_event_source_disable_unref(waiters->timer);
        presence_free(waiters->presence);
        free(waiters);
        return NULL;
}

int waiters_add(Waiters *waiters, sd_bus_message *call, uid_t uid, uint64_t timeout_usec,
                Waiter **ret, sd_bus_error *error)
{
        WaitingCaller *caller;
        Waiter *waiter;
        int r;

        r = check_limits(waiters, uid, error);
        if (r < 0)
                return r;
        waiter = calloc(1, sizeof(Waiter));
        if (!waiter)
                return -ENOMEM;
        r = get_caller(waiters, sd_bus_message_get_sender(call), uid, &caller);
        if (r < 0) {
                free(waiter);
                return r;
        }
        waiter->call = sd_bus_message_ref(call);
        waiter->caller = caller;
        LIST_INSERT_HEAD(&caller->list, waiter, of_caller);
        caller->n++;
        if (++waiters->n > waiters->n_most)
                waiters->n_most = waiters->n;
        r = set_deadline(waiters, waiter, timeout_usec);
        if (r < 0) {
                waiter_free(waiter);
                return r;
        }

        *ret = waiter;
        return 0;
}

/* Nobody waits any more. */
static void tidy_up(Waiters *waiters)
{
        heap_done(&waiters->deadlines);
        if (waiters->n_most >= TRIM_MIN)
                malloc_trim(0);
        waiters->n_most = 0;
}

Waiter *waiter_free(Waiter *waiter)
{
        WaitingCaller *caller;
        Waiters *waiters;

        if (!waiter)
                return NULL;

        caller = waiter->caller;
        waiters = caller->waiters;
        heap_remove(&waiters->deadlines, &waiter->deadline);
        LIST_REMOVE(waiter, of_caller);
        sd_bus_message_unref(waiter->call);
        free(waiter);
        if (--caller->n == 0)
                caller_free(caller);
        if (--waiters->n == 0)
                tidy_up(waiters);
        return NULL;
}

uint64_t waiter_place(Waiter *waiter, uint64_t served)
{
        WaitingCaller *caller = waiter->caller;

        if (caller->place < served)
                caller->place = served;
        return ++caller->place;
}
