/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-serve SINCE UNTIL
 *
 * The peer: fetches the events of a time range from the service, says "ready" and how many there
 * are, and then answers each Query with all of them, marshalled anew. It does nothing else, so that
 * no service can answer sooner.
 */
#include "prepared.h"
#include "service.h"

static int on_query(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        const Prepared *prepared = userdata;
        _cleanup_message_ sd_bus_message *reply = NULL;

        try(sd_bus_message_new_method_return(call, &reply), "a reply");
        try(sd_bus_message_open_container(reply, 'a', CE_EVENT_SIGNATURE), "a reply");
        for (size_t i = 0; i < prepared->n; i++) {
                try(sd_bus_message_open_container(reply, 'r', CE_EVENT_CONTENTS), "a reply");
                prepared_append(reply, prepared->events + i);
                try(sd_bus_message_close_container(reply), "a reply");
        }
        try(sd_bus_message_close_container(reply), "a reply");
        try(sd_bus_message_append(reply, "sb", "", false), "a reply");
        return sd_bus_message_send(reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Query", "ttas", "a" CE_EVENT_SIGNATURE "sb", on_query,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int main(int argc, char *argv[])
{
        sd_bus *bus = bus_open();
        Prepared prepared = {};

        if (argc != 3)
                die("bench-serve SINCE UNTIL");
        prepared_fetch(&prepared, bus, number_of(argv[1]), number_of(argv[2]), SIZE_MAX);
        try(sd_bus_add_object_vtable(bus, NULL, CE_OBJECT_PATH, CE_INTERFACE, vtable, &prepared),
            "the object");
        try(sd_bus_request_name(bus, PEER_NAME, 0), PEER_NAME);
        printf("ready %zu\n", prepared.n);
        fflush(stdout);

        for (;;)
                if (try(sd_bus_process(bus, NULL), "the bus") == 0)
                        try(sd_bus_wait(bus, UINT64_MAX), "the bus");
}
