/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <containers-events.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "event-json.h"
#include "exit-event.h"
#include "exit-report.h"
#include "exit-wait.h"
#include "names.h"
#include "template.h"

typedef struct Arguments {
        const char *id;
        bool exec;
        bool container;
        bool wait;
        bool propagate;
        uint64_t timeout_usec;
        const char *format;
        Template *template; /* owned */
} Arguments;

static void arguments_done(Arguments *a)
{
        template_free(a->template);
}

static const char *kind_name(ExitKind kind)
{
        return kind == EXIT_EXEC ? "exec" : "container";
}

/* ---- the answer ---- */

static int ask(cev_client *client, ExitKind kind, const char *id, sd_bus_error *error,
               int *ret_code)
{
        return kind == EXIT_EXEC ? cev_exec_exit_code(client, id, ret_code, error)
                                 : cev_container_exit_code(client, id, ret_code, error);
}

static int report(const Context *c, const Arguments *a, const sd_bus_error *error, int r)
{
        if (r == -EBUSY)
                return exit_report_running(a->id);
        if (r == -ESRCH && a->exec && a->container)
                return exit_report_no_such(a->id);
        return bus_report(c->user, error, r);
}

/* An exec session first: of those Podman itself does not say. -1, or the exit status. */
static int ask_now(const Context *c, const Arguments *a, ExitKind *ret_kind, int *ret_code)
{
        _cleanup_(cev_client_unrefp) cev_client *client = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        ExitKind kind = a->exec ? EXIT_EXEC : EXIT_CONTAINER;
        int r;

        r = bus_open_client(c->user, &client);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        r = ask(client, kind, a->id, &error, ret_code);
        if (r == -ESRCH && a->exec && a->container) {
                sd_bus_error_free(&error);
                kind = EXIT_CONTAINER;
                r = ask(client, kind, a->id, &error, ret_code);
        }
        if (r < 0)
                return report(c, a, &error, r);
        *ret_kind = kind;
        return -1;
}

static int get_code(const Context *c, const Arguments *a, ExitKind *ret_kind, int *ret_code)
{
        ExitWaitOptions options = {
                .id = a->id,
                .exec = a->exec,
                .container = a->container,
                .timeout_usec = a->timeout_usec,
        };

        return a->wait ? exit_wait(c, &options, ret_kind, ret_code)
                       : ask_now(c, a, ret_kind, ret_code);
}

/* ---- how it is printed ---- */

/* Takes the value, also on failure. */
static int add(json_object *object, const char *key, json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

/* The whole ID, where the event is there to tell it. */
static const char *whole_id(const Arguments *a, ExitKind kind, json_object *event)
{
        json_object *id;

        if (event && json_object_object_get_ex(event, kind == EXIT_EXEC ? "ExecID" : "ID", &id))
                return json_object_get_string(id);
        return a->id;
}

static int print_json(const Arguments *a, ExitKind kind, int code, json_object *event)
{
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = add(object, "ID", json_object_new_string(whole_id(a, kind, event)));
        if (r >= 0)
                r = add(object, "Kind", json_object_new_string(kind_name(kind)));
        if (r >= 0)
                r = add(object, "ExitCode", json_object_new_int(code));
        if (r >= 0 && event)
                r = add(object, "Event", json_object_get(event));
        return r < 0 ? r : json_print(stdout, object);
}

/* The fields of an event that are known, when it is gone. */
static int print_template(const Arguments *a, ExitKind kind, int code, json_object *event)
{
        _cleanup_json_ json_object *object =
                event ? json_object_get(event) : json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = add(object, kind == EXIT_EXEC ? "ExecID" : "ID",
                json_object_new_string(whole_id(a, kind, event)));
        if (r >= 0)
                r = add(object, "ContainerExitCode", json_object_new_int(code));
        if (r >= 0)
                r = template_print(a->template, stdout, object, isatty(STDOUT_FILENO) > 0);
        return r;
}

/* -1, or the exit status. What is not written must not be taken for an answer. */
static int print_code(const Context *c, const Arguments *a, ExitKind kind, int code)
{
        _cleanup_json_ json_object *event = NULL;
        int r = 0, status = -1;

        if (c->json || a->template)
                status = exit_event_find(c, kind, a->id, code, &event);
        if (status >= 0)
                return status;
        if (c->json)
                r = print_json(a, kind, code, event);
        else if (a->template)
                r = print_template(a, kind, code, event);
        else
                printf("%d\n", code);
        if (r >= 0 && fflush(stdout) != 0 && errno != EPIPE)
                r = -errno;
        return r < 0 ? command_error(r, "Cannot print the exit code") : -1;
}

/* ---- the options ---- */

enum {
        OPTION_EXEC = OPTION_FIRST_OWN,
        OPTION_CONTAINER,
        OPTION_WAIT,
        OPTION_PROPAGATE,
        OPTION_FORMAT,
};

static const struct option options[] = {
        { "exec", no_argument, NULL, OPTION_EXEC },
        { "container", no_argument, NULL, OPTION_CONTAINER },
        { "wait", optional_argument, NULL, OPTION_WAIT },
        { "propagate", no_argument, NULL, OPTION_PROPAGATE },
        { "format", required_argument, NULL, OPTION_FORMAT },
        COMMON_OPTIONS,
        {},
};

/* -1, or the exit status. */
static int take_option(Context *c, Arguments *a, int option)
{
        switch (option) {
        case OPTION_EXEC:
        case OPTION_CONTAINER:
                a->exec = option == OPTION_EXEC;
                a->container = option == OPTION_CONTAINER;
                return -1;
        case OPTION_WAIT:
                a->wait = true;
                return optarg ? command_take_duration(c, "wait", optarg, &a->timeout_usec) : -1;
        case OPTION_PROPAGATE:
                return -1; /* known already */
        case OPTION_FORMAT:
                a->format = optarg;
                return -1;
        default:
                return command_common_option(c, option == 'h' ? OPTION_HELP : option);
        }
}

static int set_format(Context *c, Arguments *a)
{
        _cleanup_free_ char *error = NULL;
        int r;

        if (!a->format)
                return -1;
        if (strcmp(a->format, "json") == 0) {
                c->json = true;
                return -1;
        }
        if (c->json)
                return command_usage_error(c, "--json and --format exclude each other.");
        r = template_parse(a->format, &a->template, &error);
        if (r == -EINVAL)
                return command_usage_error(c, "%s", error);
        return r < 0 ? command_error(r, "Cannot read the template") : -1;
}

static int take_arguments(Context *c, Arguments *a, int argc, char *argv[])
{
        int option, status;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                status = take_option(c, a, option);
                if (status >= 0)
                        return status;
        }
        if (argc - optind != 1)
                return command_usage_error(c, "Give one ID.");
        a->id = argv[optind];
        status = command_check_text(c, a->id);
        return status >= 0 ? status : set_format(c, a);
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(arguments_done) Arguments a = {
                .exec = true,
                .container = true,
                .propagate = command_has_option(argc, argv, "h", options, OPTION_PROPAGATE),
                .timeout_usec = UINT64_MAX,
        };
        ExitKind kind = EXIT_EXEC;
        int code = 0, status;

        status = take_arguments(c, &a, argc, argv);
        if (status < 0)
                status = get_code(c, &a, &kind, &code);
        if (status < 0)
                status = print_code(c, &a, kind, code);
        if (status < 0)
                return a.propagate ? command_propagate(code) : STATUS_OK;
        return a.propagate ? command_propagate_failure(status) : status;
}

const Command command_exit_code = {
        .name = "exit-code",
        .purpose = "Print the exit code of an exec session or a container",
        .run = run,
        .help = "Usage: cevctl exit-code [OPTION...] ID\n"
                "\n"
                "Prints the exit code of the exec session with that ID; if there is none, the one\n"
                "with which the container of that ID ended last. Of an ID 12 characters are enough.\n"
                "\n"
                "      --exec                ask for an exec session only\n"
                "      --container           ask for a container only\n"
                "      --wait[=DURATION]     wait until it ends, so long: 30s, 1h30m, or a number of\n"
                "                            seconds; a container that is not running is not waited\n"
                "                            for\n"
                "      --propagate           exit with that code\n"
                "      --format json|TEXT    JSON with the event that told the code, or a template\n"
                "                            as \"{{.ContainerExitCode}} {{.Evidence}} {{.Time}}\"\n" COMMON_HELP
                "\n"
                "Exit status: 0 if the code was printed, 3 if the exec session is still running,\n"
                "4 if nobody knows the code, 5 if nobody knows the ID, 124 if it did not end in the\n"
                "time given. With --propagate the code, or 124, or 125 for all other failures.\n",
};
