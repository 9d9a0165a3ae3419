/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "clock.h"
#include "public.h"

/* A connection that held for so long was a good one: the next one is tried for at once. A bus that
 * throws us out again and again is asked more and more rarely. */
#define GOOD_USEC UINT64_C(10000000)

static void reconnect_later(cev_client *c);

/* ---- members ---- */

static void list_add(Member **list, Member *m)
{
        m->next = *list;
        m->back = list;
        if (m->next)
                m->next->back = &m->next;
        *list = m;
}

static void list_remove(Member *m)
{
        *m->back = m->next;
        if (m->next)
                m->next->back = m->back;
        m->next = NULL;
        m->back = NULL;
}

void client_leave(Member *m)
{
        if (m->back)
                list_remove(m);
}

static int on_joining(sd_event_source *source, void *userdata)
{
        _cleanup_(cev_client_unrefp) cev_client *c = cev_client_ref(userdata);

        while (c->waiting && c->bus) {
                Member *m = c->waiting;

                list_remove(m);
                list_add(&c->live, m);
                m->begin(m, c->bus);
        }
        return 0;
}

static int begin_soon(cev_client *c)
{
        return sd_event_source_set_enabled(c->joining, SD_EVENT_ONESHOT);
}

/* ---- the connection ---- */

bool client_is_cut(const cev_client *c)
{
        return c->own_bus && (!c->bus || sd_bus_is_open(c->bus) <= 0);
}

static void cut(cev_client *c)
{
        Member *m;

        if (!c->bus)
                return;
        if (clock_usec(CLOCK_MONOTONIC) - c->connected_usec >= GOOD_USEC)
                backoff_reset(&c->backoff);
        while ((m = c->live)) {
                list_remove(m);
                list_add(&c->waiting, m);
                m->cut(m);
        }
        c->disconnected = sd_bus_slot_unref(c->disconnected);
        if (c->attached)
                (void)sd_bus_detach_event(c->bus);
        c->attached = false;
        c->bus = sd_bus_close_unref(c->bus);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(cev_client_unrefp) cev_client *c = cev_client_ref(userdata);

        cut(c);
        reconnect_later(c);
        return 0;
}

static int attach(cev_client *c)
{
        int r;

        if (!sd_bus_get_event(c->bus)) {
                r = sd_bus_attach_event(c->bus, c->loop, SD_EVENT_PRIORITY_NORMAL);
                if (r < 0)
                        return r;
                c->attached = true;
        }
        if (!c->own_bus)
                return 0;
        return sd_bus_match_signal_async(
                c->bus, &c->disconnected, NULL, "/org/freedesktop/DBus/Local",
                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, c);
}

static int connect_own(cev_client *c)
{
        int r;

        cut(c);
        r = c->user ? sd_bus_open_user(&c->bus) : sd_bus_open_system(&c->bus);
        if (r < 0)
                return r;
        c->connected_usec = clock_usec(CLOCK_MONOTONIC);
        if (c->settled) {
                backoff_stop(&c->backoff);
                r = attach(c);
        }
        if (r >= 0 && c->settled)
                r = begin_soon(c);
        if (r < 0)
                cut(c);
        return r;
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_(cev_client_unrefp) cev_client *c = cev_client_ref(userdata);

        backoff_stop(&c->backoff);
        if (!c->bus && connect_own(c) < 0)
                reconnect_later(c);
        return 0;
}

/* Without memory for a timer there is nothing that could be done: the next call tries again. */
static void reconnect_later(cev_client *c)
{
        (void)backoff_rest(&c->backoff, c->loop, on_rested, c);
}

int client_bus(cev_client *c, sd_bus **ret)
{
        int r;

        if (client_is_cut(c)) {
                r = connect_own(c);
                if (r < 0 && c->settled && !c->backoff.timer)
                        reconnect_later(c);
                if (r < 0)
                        return r;
        }
        if (sd_bus_is_open(c->bus) <= 0)
                return -ENOTCONN;
        *ret = c->bus;
        return 0;
}

/* ---- the loop ---- */

/* A caller's connection brings its loop along, whenever it was attached. */
static void take_loop_of_bus(cev_client *c)
{
        sd_event *theirs = c->bus ? sd_bus_get_event(c->bus) : NULL;

        if (c->settled || !theirs || theirs == c->loop)
                return;
        sd_event_unref(c->loop);
        c->loop = sd_event_ref(theirs);
        c->own_loop = false;
}

static int settle(cev_client *c)
{
        int r;

        if (c->settled)
                return 0;
        take_loop_of_bus(c);
        r = sd_event_add_defer(c->loop, &c->joining, on_joining, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->joining, SD_EVENT_OFF);
        if (r >= 0)
                r = gate_new(c->loop, &c->gate);
        if (client_is_cut(c))
                cut(c);
        if (r >= 0 && c->bus)
                r = attach(c);
        if (r < 0) {
                c->joining = sd_event_source_disable_unref(c->joining);
                c->gate = gate_free(c->gate);
                return r;
        }
        c->settled = true;
        return 0;
}

int client_join(cev_client *c, Member *m)
{
        int r;

        r = settle(c);
        if (r < 0)
                return r;
        if (client_is_cut(c) && !c->backoff.timer) {
                cut(c);
                reconnect_later(c);
        }
        r = begin_soon(c);
        if (r >= 0)
                list_add(&c->waiting, m);
        return r;
}

_public_ int cev_client_attach_event(cev_client *c, sd_event *loop)
{
        if (!c || !loop)
                return -EINVAL;
        take_loop_of_bus(c);
        if (loop == c->loop)
                return 0;
        if (c->settled || !c->own_loop)
                return -EBUSY;
        sd_event_unref(c->loop);
        c->loop = sd_event_ref(loop);
        c->own_loop = false;
        return 0;
}

_public_ int cev_client_run(cev_client *c, uint64_t timeout_usec)
{
        int r;

        if (!c)
                return -EINVAL;
        r = settle(c);
        if (r < 0)
                return r;
        if (!c->own_loop)
                return -EBUSY;
        cev_client_ref(c); /* a callback may drop the last one */
        r = sd_event_run(c->loop, timeout_usec);
        cev_client_unref(c);
        return r;
}

_public_ sd_event *cev_client_get_event(const cev_client *c)
{
        return c ? c->loop : NULL;
}

_public_ sd_bus *cev_client_get_bus(const cev_client *c)
{
        return c ? c->bus : NULL;
}

_public_ int cev_client_get_fd(const cev_client *c)
{
        if (!c)
                return -EINVAL;
        return c->own_loop ? sd_event_get_fd(c->loop) : -EBUSY;
}

/* ---- life ---- */

_public_ cev_client *cev_client_ref(cev_client *c)
{
        if (c)
                c->n_ref++;
        return c;
}

/* Members hold a reference, so there are none then. */
_public_ cev_client *cev_client_unref(cev_client *c)
{
        if (!c || --c->n_ref > 0)
                return NULL;
        backoff_stop(&c->backoff);
        sd_event_source_disable_unref(c->joining);
        gate_free(c->gate);
        sd_bus_slot_unref(c->disconnected);
        if (c->attached)
                (void)sd_bus_detach_event(c->bus);
        if (c->own_bus)
                sd_bus_close_unref(c->bus);
        else
                sd_bus_unref(c->bus);
        sd_event_unref(c->loop);
        free(c);
        return NULL;
}

static int client_new(cev_client **ret)
{
        _cleanup_(cev_client_unrefp) cev_client *c = calloc(1, sizeof(cev_client));
        int r;

        if (!c)
                return -ENOMEM;
        c->n_ref = 1;
        c->own_loop = true;
        r = sd_event_new(&c->loop);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

static int open_own(bool user, cev_client **ret)
{
        _cleanup_(cev_client_unrefp) cev_client *c = NULL;
        int r;

        if (!ret)
                return -EINVAL;
        r = client_new(&c);
        if (r < 0)
                return r;
        c->own_bus = true;
        c->user = user;
        r = connect_own(c);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

_public_ int cev_client_open_system(cev_client **ret)
{
        return open_own(false, ret);
}

_public_ int cev_client_open_user(cev_client **ret)
{
        return open_own(true, ret);
}

_public_ int cev_client_new(sd_bus *bus, cev_client **ret)
{
        _cleanup_(cev_client_unrefp) cev_client *c = NULL;
        int r;

        if (!bus || !ret)
                return -EINVAL;
        r = client_new(&c);
        if (r < 0)
                return r;
        c->bus = sd_bus_ref(bus);
        take_loop_of_bus(c);

        *ret = TAKE_PTR(c);
        return 0;
}
