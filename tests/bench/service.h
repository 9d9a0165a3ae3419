/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The service, and the peer that stands beside it on the same bus, as a caller sees them. What
 * fails ends the program.
 */

#include <systemd/sd-bus.h>

#include "bench.h"
#include "names.h"

#define _cleanup_message_ __attribute__((cleanup(sd_bus_message_unrefp)))
#define _cleanup_bus_     __attribute__((cleanup(sd_bus_flush_close_unrefp)))

/* The peer has the same objects and methods under this name, and this interface for its signals. */
#define PEER_NAME      "org.containers.EventsBench"
#define PEER_INTERFACE "org.containers.EventsBench"

/* The longest that a call may take: what has no index yet reads everything. */
#define CALL_USEC UINT64_C(900000000)

static inline sd_bus *bus_open(void)
{
        sd_bus *bus = NULL;

        try(sd_bus_open_system(&bus), "the bus");
        try(sd_bus_set_method_call_timeout(bus, CALL_USEC), "the bus");
        return bus;
}

/* Sends the call, which it takes; returns the reply, and how long that took. */
static inline sd_bus_message *call_timed(sd_bus *bus, sd_bus_message *call, uint64_t *ret_nsec)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        uint64_t start = now_nsec();
        int r;

        r = sd_bus_call(bus, call, 0, &error, &reply);
        *ret_nsec = now_nsec() - start;
        if (r < 0)
                die("%s: %s: %s", sd_bus_message_get_member(call),
                    error.name ? error.name : "it failed",
                    error.message ? error.message : strerror(-r));
        sd_bus_message_unref(call);
        return reply;
}

static inline sd_bus_message *call_new(sd_bus *bus, const char *destination, const char *member)
{
        sd_bus_message *call = NULL;

        try(sd_bus_message_new_method_call(bus, &call, destination, CE_OBJECT_PATH, CE_INTERFACE,
                                           member),
            member);
        return call;
}
