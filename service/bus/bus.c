/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "bus/api.h"
#include "bus/emitter.h"
#include "bus/engine.h"
#include "bus/log-control.h"
#include "names.h"

struct Bus {
        BusHost host;
        sd_bus *bus;      /* owned */
        Api *api;         /* owned */
        Emitter *emitter; /* owned */
        bool named;       /* the policy that keeps others from hearing us holds for the owner */
};

/* ---- the name ---- */

static void set_named(Bus *bus, bool named)
{
        bus->named = named;
        emitter_set_named(bus->emitter, named);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Bus *bus = userdata;
        uint32_t result = 0;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_error("The bus does not give us the name %s: %s", CE_BUS_NAME,
                          sd_bus_message_get_error(reply)->message);
                bus->host.failed(bus->host.userdata);
                return 1;
        }
        if (sd_bus_message_read(reply, "u", &result) < 0 || result != 1 /* PRIMARY_OWNER */) {
                log_error("The name %s is taken: another containers-eventsd runs on this bus.",
                          CE_BUS_NAME);
                bus->host.failed(bus->host.userdata);
                return 1;
        }

        set_named(bus, true);
        bus->host.ready(bus->host.userdata);
        return 1;
}

static int on_name_lost(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        Bus *bus = userdata;
        const char *name, *sender = sd_bus_message_get_sender(signal);

        /* Anybody can send us a signal of that name. */
        if (!sender || strcmp(sender, "org.freedesktop.DBus") != 0)
                return 0;
        if (sd_bus_message_read(signal, "s", &name) < 0 || strcmp(name, CE_BUS_NAME) != 0)
                return 0;

        log_error("The name %s was taken from us.", CE_BUS_NAME);
        set_named(bus, false);
        bus->host.failed(bus->host.userdata);
        return 0;
}

static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        Bus *bus = userdata;

        log_error("The connection to the bus was closed.");
        set_named(bus, false);
        bus->host.failed(bus->host.userdata);
        return 0;
}

static int request_name(Bus *bus)
{
        int r;

        r = sd_bus_match_signal_async(bus->bus, NULL, "org.freedesktop.DBus",
                                      "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameLost",
                                      on_name_lost, NULL, bus);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(bus->bus, NULL, "org.freedesktop.DBus.Local", NULL,
                                      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                      NULL, bus);
        if (r < 0)
                return r;
        return sd_bus_request_name_async(bus->bus, NULL, CE_BUS_NAME, 0, on_name, bus);
}

/* ---- the connection ---- */

static int add_objects(Bus *bus)
{
        int r;

        r = api_new(bus->bus, &bus->host, &bus->api);
        if (r < 0)
                return r;
        r = sd_bus_add_object_manager(bus->bus, NULL, CE_OBJECT_PATH);
        if (r < 0)
                return r;
        for (size_t i = 0; i < bus->host.n_sources; i++) {
                r = bus_engine_add(bus->bus, bus->host.sources[i]);
                if (r < 0)
                        return r;
        }
        r = log_control_add(bus->bus);
        if (r < 0)
                return r;

        return emitter_new(bus->bus, bus->host.loop, bus->host.log, &bus->emitter);
}

int bus_new(const BusHost *host, Bus **ret)
{
        _cleanup_(bus_freep) Bus *bus = NULL;
        int r;

        bus = calloc(1, sizeof(Bus));
        if (!bus)
                return -ENOMEM;
        bus->host = *host;
        r = host->user ? sd_bus_open_user(&bus->bus) : sd_bus_open_system(&bus->bus);
        if (r < 0) {
                log_error("There is no %s bus: %s. Start one%s.", host->user ? "user" : "system",
                          strerror(-r),
                          host->user ? ", or run with the environment of a login session"
                                     : ", or use --user for your own");
                return r;
        }

        /* Everything that can be called is there before the name is. */
        r = add_objects(bus);
        if (r >= 0)
                r = request_name(bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus->bus, host->loop, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                log_error("The service cannot be put on the bus: %s.", strerror(-r));
                return r;
        }

        *ret = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus)
{
        if (!bus)
                return NULL;

        emitter_free(bus->emitter);
        api_free(bus->api);
        sd_bus_flush_close_unref(bus->bus);
        free(bus);
        return NULL;
}

/* ---- what happens in the service ---- */

void bus_log_opened(Bus *bus)
{
        if (emitter_start(bus->emitter) < 0)
                log_error("There is no memory for publishing events.");
        if (bus->named)
                sd_bus_emit_properties_changed(bus->bus, CE_OBJECT_PATH, CE_INTERFACE, "Epoch",
                                               NULL);
}

void bus_committed(Bus *bus)
{
        api_committed(bus->api);
        emitter_kick(bus->emitter);
}

void bus_degraded_changed(Bus *bus)
{
        if (bus->named)
                sd_bus_emit_properties_changed(bus->bus, CE_OBJECT_PATH, CE_INTERFACE, "Degraded",
                                               "DegradedReason", NULL);
}

void bus_source_changed(Bus *bus, const Source *source)
{
        if (bus->named)
                bus_engine_changed(bus->bus, source);
}
