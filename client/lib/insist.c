/* SPDX-License-Identifier: Apache-2.0 */
#include "insist.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <systemd/sd-event.h>

#include "backoff.h"
#include "bus-failure.h"
#include "cleanup.h"
#include "names.h"
#include "owner.h"

/* Rests before we give up on a service that never took the call: about 13 s in all. */
#define RESTS_MAX 7

/* A restart of the service takes less and is not worth a word. */
#define ABSENT_USEC UINT64_C(5000000)

struct Insist {
        sd_bus *bus; /* shared */
        sd_event *loop;
        const InsistHandler *handler;
        void *userdata;
        Owner *owner; /* of the service's name */
        sd_bus_slot *disconnected;
        sd_bus_slot *call; /* under way, or NULL */
        Backoff backoff;
        sd_event_source *absent; /* when it is worth a word */
        bool steady;             /* the service was there: it will be again */
        bool told_absent;
        bool told_trouble;
        bool over;

        unsigned n_inside; /* callbacks of the loop that are on the stack */
        bool dropped;      /* freed by one of them: the last one does it */
};

static void ask(Insist *i);

/* A handler may free the Insist that calls it, which is still on the stack then. So every callback
 * of the loop is between these two. */

static Insist *enter(Insist *i)
{
        i->n_inside++;
        return i;
}

static void leavep(Insist **i)
{
        if (--(*i)->n_inside == 0 && (*i)->dropped)
                insist_free(*i);
}

static void fail(Insist *i, int result, const sd_bus_error *error)
{
        if (i->over)
                return;
        i->over = true;
        i->handler->failed(result, error, i->userdata);
}

/* ---- no service ---- */

static int on_absent(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_(leavep) Insist *i = enter(userdata);

        i->told_absent = true;
        i->handler->notice(FOLLOW_ABSENT, "", i->userdata);
        return 0;
}

static void wait_for_owner(Insist *i)
{
        int r;

        if (i->told_absent || i->absent)
                return;
        r = sd_event_add_time_relative(i->loop, &i->absent, CLOCK_MONOTONIC, ABSENT_USEC, 0,
                                       on_absent, i);
        if (r < 0)
                fail(i, r, NULL);
}

static void on_owner(Owner *owner, const sd_bus_error *error, void *userdata)
{
        _cleanup_(leavep) Insist *i = enter(userdata);

        if (error) {
                fail(i, -sd_bus_error_get_errno(error), error);
                return;
        }
        if (owner_get(owner)) {
                bool told = i->told_absent;

                i->absent = sd_event_source_disable_unref(i->absent);
                i->told_absent = false;
                if (told)
                        i->handler->notice(FOLLOW_BACK, "", i->userdata);
        }
        /* What is under way ends by itself with its owner. */
        if (!i->over && !i->call)
                ask(i);
}

/* ---- the call ---- */

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_(leavep) Insist *i = enter(userdata);

        backoff_stop(&i->backoff);
        ask(i);
        return 0;
}

static void rest(Insist *i)
{
        int r;

        if (i->over)
                return;
        r = backoff_rest(&i->backoff, i->loop, on_rested, i);
        if (r < 0)
                fail(i, r, NULL);
}

/* Whether the error passes, and the call is to be made again. */
static bool passes(Insist *i, const sd_bus_error *error)
{
        BusFailure failure = bus_failure(error);

        /* Somebody had taken the call. */
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
                i->steady = true;
        if (failure == BUS_FAILURE_UNAVAILABLE && i->steady && !i->told_trouble) {
                i->told_trouble = true;
                i->handler->notice(FOLLOW_TROUBLE, error->message ?: "", i->userdata);
        }
        if (failure == BUS_FAILURE_PASSING)
                return i->steady || i->backoff.n_rests < RESTS_MAX;
        return i->steady && (failure == BUS_FAILURE_ABSENT || failure == BUS_FAILURE_UNAVAILABLE);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(leavep) Insist *i = enter(userdata);
        const sd_bus_error *error = sd_bus_message_get_error(m);

        i->call = sd_bus_slot_unref(i->call);
        if (i->over)
                return 0;
        if (error && sd_bus_is_open(i->bus) <= 0) {
                i->steady = true;
                fail(i, -ENOTCONN, NULL);
        } else if (error && passes(i, error)) {
                rest(i);
        } else {
                bool again = i->handler->answered(m, i->userdata);

                i->over = i->over || !again;
                if (!i->over)
                        ask(i);
        }
        return 0;
}

static void ask(Insist *i)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (i->steady && !owner_get(i->owner)) {
                wait_for_owner(i);
                return;
        }
        backoff_stop(&i->backoff);
        r = i->handler->make(i->bus, &m, i->userdata);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, !i->steady);
        if (r >= 0)
                r = sd_bus_call_async(i->bus, &i->call, m, on_reply, i, UINT64_MAX);
        if (r < 0)
                fail(i, r, NULL);
}

/* ---- life ---- */

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(leavep) Insist *i = enter(userdata);

        fail(i, -ENOTCONN, NULL);
        return 0;
}

Insist *insist_free(Insist *i)
{
        if (!i)
                return NULL;
        i->over = true;
        backoff_stop(&i->backoff);
        i->absent = sd_event_source_disable_unref(i->absent);
        i->call = sd_bus_slot_unref(i->call);
        i->disconnected = sd_bus_slot_unref(i->disconnected);
        i->owner = owner_free(i->owner);
        if (i->n_inside > 0) {
                i->dropped = true;
                return NULL;
        }
        sd_event_unref(i->loop);
        sd_bus_unref(i->bus);
        free(i);
        return NULL;
}

int insist_new(sd_bus *bus, bool again, const InsistHandler *handler, void *userdata, Insist **ret)
{
        Insist *i = calloc(1, sizeof(Insist));
        int r;

        if (!i)
                return -ENOMEM;
        i->bus = sd_bus_ref(bus);
        i->loop = sd_event_ref(sd_bus_get_event(bus));
        i->handler = handler;
        i->userdata = userdata;
        i->steady = again;

        r = sd_bus_match_signal_async(bus, &i->disconnected, NULL, "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                      NULL, i);
        if (r >= 0)
                r = owner_new(bus, CE_BUS_NAME, on_owner, i, &i->owner);
        if (r < 0) {
                insist_free(i);
                return r;
        }
        *ret = i;
        return 0;
}
