/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <containers-events.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "escape.h"
#include "event-json.h"
#include "event-lookup.h"
#include "template.h"

typedef struct Arguments {
        const char *format;
        Template *template; /* owned; of the format, if that is one */
} Arguments;

static void arguments_done(Arguments *a)
{
        template_free(a->template);
}

static void print_value(json_object *value)
{
        if (json_object_is_type(value, json_type_string))
                escape_print(stdout, json_object_get_string(value));
        else
                escape_print_json(stdout, json_object_to_json_string_ext(
                                                  value, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
        putchar('\n');
}

/* What a key holds, one a line: labels are "KEY=VALUE". */
static void print_field(const char *key, json_object *value)
{
        bool first = true;

        if (!json_object_is_type(value, json_type_object)) {
                printf("%17s: ", key);
                print_value(value);
                return;
        }
        json_object_object_foreach(value, name, inner) {
                printf("%17s%c ", first ? key : "", first ? ':' : ' ');
                escape_print(stdout, name);
                putchar('=');
                print_value(inner);
                first = false;
        }
}

static int print_event(const Context *c, const Arguments *a, json_object *event)
{
        if (a->template)
                return template_print(a->template, stdout, event, isatty(STDOUT_FILENO));
        if (c->json || a->format)
                return json_print(stdout, event);
        /* These say what Time says, for programs. */
        json_object_object_del(event, "time");
        json_object_object_del(event, "timeNano");
        json_object_object_foreach(event, key, value)
                print_field(key, value);
        return 0;
}

static int show(const Context *c, const Arguments *a, cev_client *client, const char *seq)
{
        _cleanup_(cev_event_unrefp) cev_event *event = NULL;
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_object *object = NULL;
        int status, r;

        status = event_lookup(c, client, seq, &event);
        if (status >= 0)
                return status;
        r = cev_event_to_json(event, &text);
        if (r >= 0) {
                object = json_tokener_parse(text);
                r = object ? print_event(c, a, object) : -ENOMEM;
        }
        return r < 0 ? command_error(r, "Cannot print the event") : -1;
}

static int show_all(const Context *c, const Arguments *a, int argc, char *argv[])
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(cev_client_unrefp) cev_client *client = NULL;
        int r, status = -1;

        r = bus_open(c->user, &bus);
        if (r >= 0)
                r = cev_client_new(bus, &client);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        for (int i = 0; status < 0 && i < argc; i++) {
                if (i > 0 && !c->json && !a->format)
                        putchar('\n');
                status = show(c, a, client, argv[i]);
        }
        return status < 0 ? STATUS_OK : status;
}

/* -1, or the exit status. */
static int take_format(const Context *c, Arguments *a)
{
        _cleanup_free_ char *error = NULL;
        int r;

        if (!a->format || strcmp(a->format, "json") == 0)
                return -1;
        if (c->json)
                return command_usage_error(c, "--json and --format exclude each other.");
        r = template_parse(a->format, &a->template, &error);
        if (r == -EINVAL)
                return command_usage_error(c, "%s", error);
        return r < 0 ? command_error(r, "Cannot read the template") : -1;
}

static int run(Context *c, int argc, char *argv[])
{
        enum { OPTION_FORMAT = OPTION_FIRST_OWN };
        static const struct option options[] = {
                { "format", required_argument, NULL, OPTION_FORMAT },
                COMMON_OPTIONS,
                {},
        };
        _cleanup_(arguments_done) Arguments a = {};
        int option, status;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == OPTION_FORMAT) {
                        a.format = optarg;
                        continue;
                }
                status = command_common_option(c, option == 'h' ? OPTION_HELP : option);
                if (status >= 0)
                        return status;
        }
        if (optind >= argc)
                return command_usage_error(c, "Say which event: its number.");
        status = take_format(c, &a);
        return status >= 0 ? status : show_all(c, &a, argc - optind, argv + optind);
}

const Command command_show = {
        .name = "show",
        .purpose = "Show all that is known of an event",
        .run = run,
        .help = "Usage: cevctl show [OPTION...] SEQ...\n"
                "\n"
                "Shows the events with these numbers, each with all that is known of it, labels\n"
                "too. A unit that a trigger started has the number in $CONTAINER_EVENT_SEQ.\n"
                "\n"
                "      --format json|TEXT    JSON, or a template as \"{{.Status}} {{.Name}}\"\n" COMMON_HELP,
};
