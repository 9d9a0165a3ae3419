/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger-command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "trigger-unit.h"

enum {
        OPTION_ROOT = OPTION_FIRST_OWN,
        OPTION_EVENT,
};

static const struct {
        const char *name;
        int (*run)(const Context *c, const TriggerArguments *a);
        size_t names_min, names_max;
        bool takes_event;
} verbs[] = {
        { "list", trigger_list, 0, SIZE_MAX, false },
        { "cat", trigger_cat, 0, SIZE_MAX, false },
        { "test", trigger_test, 1, 1, true },
};

const char *trigger_state_name(TriggerState state)
{
        static const char *const names[] = {
                [TRIGGER_LOADED] = "loaded",
                [TRIGGER_MASKED] = "masked",
                [TRIGGER_BROKEN] = "broken",
        };

        return names[state];
}

/* Whether the place is a file of one of the triggers that were named; if none was, each is. */
static bool is_asked_for(const TriggerArguments *a, const char *place)
{
        for (size_t i = 0; i < a->n_names; i++) {
                size_t length = strlen(a->names[i]);

                for (const char *p = strchr(place, '/'); p; p = strchr(p + 1, '/'))
                        if (strncmp(p + 1, a->names[i], length) == 0 && strchr(".:", p[1 + length]))
                                return true;
        }
        return a->n_names == 0;
}

static void on_warning(const char *place, const char *text, void *userdata)
{
        if (userdata && !is_asked_for(userdata, place))
                return;
        fputs("cevctl: ", stderr);
        escape_print(stderr, place);
        fputs(": ", stderr);
        escape_print(stderr, text);
        fputs(".\n", stderr);
}

const TriggerReport trigger_report = { .warning = on_warning };

int trigger_load_all(const TriggerArguments *a, TriggerSet *ret)
{
        const TriggerReport report = { .warning = on_warning, .userdata = (void *)a };
        int r = trigger_set_load(a->root, &report, ret);

        return r < 0 ? command_error(r, "Cannot load the triggers") : -1;
}

int trigger_unknown(const char *name)
{
        fputs("cevctl: There is no trigger \"", stderr);
        escape_print(stderr, name);
        fputs("\". \"cevctl trigger list\" shows all.\n", stderr);
        return STATUS_NO_SUCH;
}

void trigger_tell_daemon(const Context *c, const TriggerArguments *a, sd_bus *bus)
{
        if (c->json || c->user || *a->root || !bus || !trigger_daemon_is_stopped(bus))
                return;
        (void)fflush(stdout);
        fputs("cevctl: containers-events-triggerd does not run, so nothing is started now: have root "
              "run \"systemctl enable --now containers-events-triggerd\".\n",
              stderr);
}

int trigger_json_add(json_object *object, const char *key, json_object *value)
{
        if (value && json_object_object_add(object, key, value) >= 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

json_object *trigger_json_list(char *const *list)
{
        json_object *array = json_object_new_array();

        for (; array && list && *list; list++) {
                json_object *text = json_object_new_string(*list);

                if (!text || json_object_array_add(array, text) < 0) {
                        json_object_put(text);
                        json_object_put(array);
                        return NULL;
                }
        }
        return array;
}

static int run_verb(Context *c, TriggerArguments *a, int argc, char *argv[])
{
        const char *name = argc > 0 ? argv[0] : NULL;

        if (!name)
                return command_usage_error(c, "Say what to do: list, cat or test.");
        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
                if (strcmp(verbs[i].name, name) != 0)
                        continue;
                a->names = argv + 1;
                a->n_names = (size_t)argc - 1;
                if (a->n_names < verbs[i].names_min)
                        return command_usage_error(c, "Say which trigger to %s.", name);
                if (a->n_names > verbs[i].names_max)
                        return command_usage_error(c, "\"%s\" is too much.",
                                                   a->names[verbs[i].names_max]);
                if (a->event && !verbs[i].takes_event)
                        return command_usage_error(c, "--event goes with test alone.");
                return verbs[i].run(c, a);
        }
        return command_usage_error(c, "\"%s\" is none of list, cat and test.", name);
}

static int run(Context *c, int argc, char *argv[])
{
        static const struct option options[] = {
                { "root", required_argument, NULL, OPTION_ROOT },
                { "event", required_argument, NULL, OPTION_EVENT },
                COMMON_OPTIONS,
                {},
        };
        TriggerArguments a = { .root = "" };
        int option, status;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == OPTION_ROOT) {
                        a.root = strcmp(optarg, "/") == 0 ? "" : optarg;
                } else if (option == OPTION_EVENT) {
                        a.event = optarg;
                } else {
                        status = command_common_option(c, option == 'h' ? OPTION_HELP : option);
                        if (status >= 0)
                                return status;
                }
        }
        return run_verb(c, &a, argc - optind, argv + optind);
}

const Command command_trigger = {
        .name = "trigger",
        .purpose = "Show which events start which units, and try it",
        .run = run,
        .help = "Usage: cevctl trigger list [OPTION...] [NAME...]\n"
                "       cevctl trigger cat [OPTION...] [NAME...]\n"
                "       cevctl trigger test [OPTION...] NAME|FILE [--event SEQ]\n"
                "\n"
                "Shows the triggers of the host, or their files as they are read; or tells what\n"
                "one would do with an event of the history, and why not. Nothing is started.\n"
                "\n"
                "      --event SEQ           the event with that number\n"
                "      --root DIR            of the folders with triggers; else /\n" COMMON_HELP
                "\n"
                "Exit status of test: 0 if the unit would be started (without --event: if there is\n"
                "nothing wrong with the trigger), 6 if not, 5 if there is no such trigger or event.\n",
};
