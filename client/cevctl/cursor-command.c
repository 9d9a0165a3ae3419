/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <systemd/sd-bus.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "escape.h"
#include "event-json.h"
#include "page.h"

static int print_cursor(const Context *c, const char *cursor)
{
        _cleanup_json_ json_object *object = NULL;

        if (!c->json) {
                escape_print(stdout, cursor);
                fputc('\n', stdout);
                return STATUS_OK;
        }
        object = json_object_new_object();
        if (!object || json_object_object_add(object, "Cursor", json_object_new_string(cursor)) < 0)
                return command_error(-ENOMEM, "Cannot print the cursor");
        return json_print(stdout, object) < 0 ? STATUS_ERROR : STATUS_OK;
}

/* A page behind the newest event says whether the history can be read at all. */
static int check_cursor(sd_bus *bus, const char *cursor, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        PageRequest request = { .cursor = cursor, .start_service = true };
        int r;

        r = page_request(bus, &request, &m);
        return r < 0 ? r : sd_bus_call(bus, m, 0, error, &reply);
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_free_ char *cursor = NULL;
        int status, r;

        status = command_take_common_options(c, argc, argv);
        if (status >= 0)
                return status;
        if (optind < argc)
                return command_usage_error(c, "\"%s\" is too much.", argv[optind]);

        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        r = page_end_request(bus, &m);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, &error, &reply);
        if (r >= 0)
                r = page_end_read(reply, &cursor);
        if (r >= 0)
                r = check_cursor(bus, cursor, &error);
        if (r < 0)
                return bus_report(c->user, &error, r);
        return print_cursor(c, cursor);
}

const Command command_cursor = {
        .name = "cursor",
        .purpose = "Print the place behind the newest event",
        .run = run,
        .help = "Usage: cevctl cursor [OPTION...]\n"
                "\n"
                "Prints the cursor of the place in the history behind the newest event, for the\n"
                "option --after of \"cevctl wait\" and \"cevctl events\": what is recorded from now on\n"
                "comes after it.\n"
                "\n" COMMON_HELP,
};
