/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-link.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <systemd/sd-bus.h>

#include "backoff.h"
#include "cleanup.h"

struct UnitLink {
        sd_event *loop; /* shared */
        bool user;
        UnitLinkHandler handler;
        void *userdata;
        sd_bus *bus;           /* owned; NULL while it is cut */
        UnitManager *manager;  /* counted; NULL while it is cut */
        UnitListener listener; /* while there is a manager */
        Backoff backoff;
};

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata);

static void let_go(UnitLink *link)
{
        if (link->manager)
                unit_manager_forget(link->manager, &link->listener);
        link->manager = unit_manager_unref(link->manager);
        if (link->bus)
                (void)sd_bus_detach_event(link->bus);
        link->bus = sd_bus_close_unref(link->bus);
}

static void on_ready(UnitListener *l)
{
        UnitLink *link = (UnitLink *)((char *)l - offsetof(UnitLink, listener));

        backoff_reset(&link->backoff);
}

/* The first to listen is the last to be told: all others have ended by now. */
static void on_cut(UnitListener *l)
{
        UnitLink *link = (UnitLink *)((char *)l - offsetof(UnitLink, listener));

        let_go(link);
        link->handler(NULL, link->userdata);
        (void)backoff_rest(&link->backoff, link->loop, on_rested, link);
}

static const UnitListenerHandler listener_handler = { .ready = on_ready, .cut = on_cut };

static int connect_to_bus(UnitLink *link)
{
        int r;

        r = link->user ? sd_bus_open_user(&link->bus) : sd_bus_open_system(&link->bus);
        if (r >= 0)
                r = sd_bus_attach_event(link->bus, link->loop, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = unit_manager_new(link->bus, &link->manager);
        if (r < 0)
                return r;
        link->listener = (UnitListener){ .handler = &listener_handler };
        return unit_manager_listen(link->manager, &link->listener);
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        UnitLink *link = userdata;
        int r;

        backoff_stop(&link->backoff);
        r = connect_to_bus(link);
        if (r < 0) {
                link->manager = unit_manager_unref(link->manager);
                let_go(link);
                (void)backoff_rest(&link->backoff, link->loop, on_rested, link);
                return 0;
        }
        link->handler(link->manager, link->userdata);
        return 0;
}

UnitManager *unit_link_get_manager(const UnitLink *link)
{
        return link->manager;
}

UnitLink *unit_link_free(UnitLink *link)
{
        if (!link)
                return NULL;
        backoff_stop(&link->backoff);
        let_go(link);
        sd_event_unref(link->loop);
        free(link);
        return NULL;
}

int unit_link_new(sd_event *loop, bool user, UnitLinkHandler handler, void *userdata,
                  UnitLink **ret)
{
        UnitLink *link;
        int r;

        link = calloc(1, sizeof(UnitLink));
        if (!link)
                return -ENOMEM;
        *link = (UnitLink){
                .loop = sd_event_ref(loop),
                .user = user,
                .handler = handler,
                .userdata = userdata,
        };
        r = sd_event_add_time_relative(loop, &link->backoff.timer, CLOCK_MONOTONIC, 0, 0, on_rested,
                                       link);
        if (r < 0) {
                unit_link_free(link);
                return r;
        }
        *ret = link;
        return 0;
}
