/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "config.h"
#include "escape.h"
#include "event-json.h"
#include "names.h"

/* NULL if it is not to be had; a question about versions starts nothing. */
static char *service_version(bool user)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        const char *version;
        char *copy;

        if (bus_open(user, &bus) < 0 ||
            sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH,
                                           "org.freedesktop.DBus.Properties", "Get") < 0 ||
            sd_bus_message_append(m, "ss", CE_INTERFACE, "Version") < 0 ||
            sd_bus_message_set_auto_start(m, false) < 0 ||
            sd_bus_call(bus, m, 0, NULL, &reply) < 0 ||
            sd_bus_message_read(reply, "v", "s", &version) < 0)
                return NULL;
        copy = strdup(version);
        return copy;
}

static int print_json(const char *service)
{
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!object ||
            json_object_object_add(object, "Client", json_object_new_string(PROJECT_VERSION)) < 0 ||
            json_object_object_add(object, "Service",
                                   service ? json_object_new_string(service) : NULL) < 0)
                return command_error(-ENOMEM, "Cannot print the versions");
        return json_print(stdout, object) < 0 ? STATUS_ERROR : STATUS_OK;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_free_ char *service = NULL;
        int status;

        status = command_take_common_options(c, argc, argv);
        if (status >= 0)
                return status;
        if (optind < argc)
                return command_usage_error(c, "\"%s\" is too much.", argv[optind]);

        service = service_version(c->user);
        if (c->json)
                return print_json(service);
        puts("cevctl " PROJECT_VERSION);
        fputs("containers-eventsd ", stdout);
        escape_print(stdout, service ?: "is not running, or may not be asked");
        fputc('\n', stdout);
        return STATUS_OK;
}

const Command command_version = {
        .name = "version",
        .purpose = "Print the versions of this program and of the service",
        .run = run,
        .help = "Usage: cevctl version [OPTION...]\n"
                "\n"
                "Prints the versions of this program and, if it runs, of containers-eventsd.\n"
                "\n" COMMON_HELP,
};
