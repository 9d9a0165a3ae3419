/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "bus/api.h"
#include "bus/connection.h"
#include "bus/emitter.h"
#include "bus/engine.h"
#include "bus/log-control.h"
#include "bus/outbox.h"
#include "names.h"

/* A bus that is not back after this is left to systemd, which starts the service when it is. A
 * broker that is restarted needs less than a second. */
#define RECONNECT_USEC       UINT64_C(10000000)
#define RECONNECT_DELAY_USEC UINT64_C(50000)

struct Bus {
        BusHost host;
        Connection *connection; /* owned; NULL between two */
        Connection *former;     /* owned: given up, until the new one is next in line; or NULL */
        Outbox *outbox;         /* owned */
        Api *api;               /* owned */
        Emitter *emitter;       /* owned */
        bool named; /* the policy that keeps others from hearing us holds for the owner */
        bool ready; /* was named before */

        sd_event_source *retry; /* owned: gives the connection up, and makes another */
        uint64_t delay_usec;
        uint64_t deadline_usec; /* 0: the connection is good */
};

static uint64_t now_usec(const Bus *bus)
{
        uint64_t now = 0;

        sd_event_now(bus->host.loop, CLOCK_MONOTONIC, &now);
        return now;
}

/* ---- connections ---- */

static void try_later(Bus *bus, uint64_t usec)
{
        sd_event_source_set_time_relative(bus->retry, usec);
        sd_event_source_set_enabled(bus->retry, SD_EVENT_ONESHOT);
}

static void give_up(Bus *bus)
{
        bus->host.failed(bus->host.userdata);
}

static void set_named(Bus *bus, bool named)
{
        bus->named = named;
        emitter_set_named(bus->emitter, named);
}

/* A new connection follows at once, and then later and later. */
static void on_lost(Bus *bus)
{
        set_named(bus, false);
        if (bus->deadline_usec > 0) {
                try_later(bus, bus->delay_usec);
                return;
        }
        bus->delay_usec = RECONNECT_DELAY_USEC;
        bus->deadline_usec = now_usec(bus) + RECONNECT_USEC;
        try_later(bus, 0);
}

static void on_named(Bus *bus)
{
        bool first = !bus->ready;

        bus->former = connection_free(bus->former);
        bus->ready = true;
        bus->deadline_usec = 0;
        set_named(bus, true);
        if (first)
                bus->host.ready(bus->host.userdata);
        else
                log_notice("Connected to the bus again.");
}

static void on_news(ConnectionNews news, void *userdata)
{
        Bus *bus = userdata;

        switch (news) {
        case CONNECTION_QUEUED:
                /* Its name goes over to this one when the bus sees that it is gone. */
                bus->former = connection_free(bus->former);
                break;
        case CONNECTION_NAMED:
                on_named(bus);
                break;
        case CONNECTION_TAKEN:
                if (bus->ready)
                        on_lost(bus); /* perhaps by what we left behind */
                else
                        give_up(bus);
                break;
        case CONNECTION_LOST:
                on_lost(bus);
                break;
        }
}

/* Everything that can be called is there before the name is. */
static int add_objects(Bus *bus, sd_bus *sd)
{
        int r;

        r = api_join(bus->api, sd);
        if (r < 0)
                return r;
        r = sd_bus_add_object_manager(sd, NULL, CE_OBJECT_PATH);
        if (r < 0)
                return r;
        for (size_t i = 0; i < bus->host.n_sources; i++) {
                r = bus_engine_add(sd, bus->host.sources[i]);
                if (r < 0)
                        return r;
        }
        return log_control_add(sd);
}

static int join(Bus *bus)
{
        int r;

        r = connection_new(bus->host.user, bus->host.loop, on_news, bus, &bus->connection);
        if (r < 0)
                return r;
        outbox_set_bus(bus->outbox, connection_bus(bus->connection));
        r = add_objects(bus, connection_bus(bus->connection));
        if (r < 0)
                return r;
        return connection_start(bus->connection);
}

/* Calls that are not answered stay so: when the connection is closed the bus tells the callers. */
static void leave(Bus *bus)
{
        uint64_t unsent;

        if (!bus->connection)
                return;

        unsent = outbox_first_unsent(bus->outbox);
        if (unsent > 0 && emitter_rewind(bus->emitter, unsent) < 0)
                log_warning("There is no memory: some signals are left out.");
        api_leave(bus->api);
        outbox_set_bus(bus->outbox, NULL);

        /* It has the name still, so that nobody finds it without an owner meanwhile. */
        connection_retire(bus->connection);
        connection_free(bus->former);
        bus->former = TAKE_PTR(bus->connection);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Bus *bus = userdata;
        int r;

        leave(bus);
        if (now_usec(bus) >= bus->deadline_usec) {
                log_error("The bus is not to be had again.");
                give_up(bus);
                return 0;
        }

        bus->delay_usec *= 2;
        r = join(bus);
        if (r < 0) {
                log_warning("The bus cannot be connected to again: %s.", strerror(-r));
                try_later(bus, bus->delay_usec);
        }
        return 0;
}

/* ---- life ---- */

static int make_parts(Bus *bus)
{
        sd_event *loop = bus->host.loop;
        int r;

        if ((r = outbox_new(loop, &bus->outbox)) < 0 ||
            (r = emitter_new(bus->outbox, loop, bus->host.log, &bus->emitter)) < 0 ||
            (r = api_new(&bus->host, bus->outbox, &bus->api)) < 0 ||
            (r = sd_event_add_time_relative(loop, &bus->retry, CLOCK_MONOTONIC, 0, 0, on_retry,
                                            bus)) < 0)
                return r;
        emitter_set_health_check_execs(bus->emitter, bus->host.health_check_execs);
        return sd_event_source_set_enabled(bus->retry, SD_EVENT_OFF);
}

int bus_new(const BusHost *host, Bus **ret)
{
        _cleanup_(bus_freep) Bus *bus = NULL;
        int r;

        bus = calloc(1, sizeof(Bus));
        if (!bus)
                return -ENOMEM;
        bus->host = *host;
        r = make_parts(bus);
        if (r >= 0)
                r = join(bus);
        if (r < 0 && !bus->connection)
                log_error("There is no %s bus: %s. Start one%s.", host->user ? "user" : "system",
                          strerror(-r),
                          host->user ? ", or run with the environment of a login session"
                                     : ", or use --user for your own");
        else if (r < 0)
                log_error("The service cannot be put on the bus: %s.", strerror(-r));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus)
{
        if (!bus)
                return NULL;

        api_free(bus->api);
        emitter_free(bus->emitter);
        if (bus->connection)
                connection_flush(bus->connection);
        outbox_free(bus->outbox);
        connection_free(bus->connection);
        connection_free(bus->former);
        sd_event_source_disable_unref(bus->retry);
        free(bus);
        return NULL;
}

/* ---- what happens in the service ---- */

void bus_log_opened(Bus *bus)
{
        if (emitter_start(bus->emitter) < 0)
                log_error("There is no memory for publishing events.");
        if (bus->named)
                sd_bus_emit_properties_changed(connection_bus(bus->connection), CE_OBJECT_PATH,
                                               CE_INTERFACE, "Epoch", NULL);
}

void bus_committed(Bus *bus)
{
        api_committed(bus->api);
        emitter_kick(bus->emitter);
}

void bus_degraded_changed(Bus *bus)
{
        if (bus->named)
                sd_bus_emit_properties_changed(connection_bus(bus->connection), CE_OBJECT_PATH,
                                               CE_INTERFACE, "Degraded", "DegradedReason", NULL);
}

void bus_source_changed(Bus *bus, const Source *source)
{
        if (bus->named)
                bus_engine_changed(connection_bus(bus->connection), source);
}
