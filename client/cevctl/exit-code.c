/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <systemd/sd-bus.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "escape.h"
#include "event-json.h"
#include "names.h"

typedef struct Question {
        const char *kind;
        const char *method;
} Question;

static const Question exec_question = { "exec", "ExecExitCode" };
static const Question container_question = { "container", "ContainerExitCode" };

static int print_code(const Context *c, const char *id, const char *kind, int code)
{
        _cleanup_json_ json_object *object = NULL;

        if (!c->json) {
                printf("%d\n", code);
                return STATUS_OK;
        }
        object = json_object_new_object();
        if (!object || json_object_object_add(object, "ID", json_object_new_string(id)) < 0 ||
            json_object_object_add(object, "Kind", json_object_new_string(kind)) < 0 ||
            json_object_object_add(object, "ExitCode", json_object_new_int(code)) < 0)
                return command_error(-ENOMEM, "Cannot print the exit code");
        return json_print(stdout, object) < 0 ? STATUS_ERROR : STATUS_OK;
}

static int ask(sd_bus *bus, const Question *question, const char *id, sd_bus_error *error,
               int *ret_code)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE, question->method,
                               error, &reply, "s", id);
        return r < 0 ? r : sd_bus_message_read(reply, "i", ret_code);
}

/* An exec session first: of those Podman itself does not say. */
static int ask_both(sd_bus *bus, const Context *c, const char *id)
{
        _cleanup_(sd_bus_error_free) sd_bus_error exec_error = SD_BUS_ERROR_NULL,
                                                  error = SD_BUS_ERROR_NULL;
        int code, r;

        r = ask(bus, &exec_question, id, &exec_error, &code);
        if (r >= 0)
                return print_code(c, id, exec_question.kind, code);
        if (bus_failure(&exec_error) != BUS_FAILURE_NO_SUCH)
                return bus_report(c->user, &exec_error, r);

        r = ask(bus, &container_question, id, &error, &code);
        if (r >= 0)
                return print_code(c, id, container_question.kind, code);
        if (bus_failure(&error) != BUS_FAILURE_NO_SUCH)
                return bus_report(c->user, &error, r);

        fputs("cevctl: The history knows neither an exec session nor a container with the ID \"",
              stderr);
        escape_print(stderr, id);
        fputs("\": give its full ID, or at least 12 characters of it.\n", stderr);
        return STATUS_NO_SUCH;
}

static int ask_one(sd_bus *bus, const Context *c, const Question *question, const char *id)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int code, r;

        r = ask(bus, question, id, &error, &code);
        if (r < 0)
                return bus_report(c->user, &error, r);
        return print_code(c, id, question->kind, code);
}

enum {
        OPTION_EXEC = OPTION_FIRST_OWN,
        OPTION_CONTAINER,
};

static int run(Context *c, int argc, char *argv[])
{
        static const struct option options[] = {
                { "exec", no_argument, NULL, OPTION_EXEC },
                { "container", no_argument, NULL, OPTION_CONTAINER },
                COMMON_OPTIONS,
                {},
        };
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        const Question *question = NULL;
        int option, status, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == OPTION_EXEC || option == OPTION_CONTAINER) {
                        question = option == OPTION_EXEC ? &exec_question : &container_question;
                        continue;
                }
                status = command_common_option(c, option == 'h' ? OPTION_HELP : option);
                if (status >= 0)
                        return status;
        }
        if (argc - optind != 1)
                return command_usage_error(c, "Give one ID.");

        status = command_check_text(c, argv[optind]);
        if (status >= 0)
                return status;
        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        return question ? ask_one(bus, c, question, argv[optind]) : ask_both(bus, c, argv[optind]);
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
                "      --container           ask for a container only\n" COMMON_HELP "\n"
                "Exit status: 0 if the code was printed, 3 if the exec session is still running,\n"
                "4 if nobody knows the code, 5 if nobody knows the ID.\n",
};
