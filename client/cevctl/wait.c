/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "command.h"
#include "event-options.h"
#include "selection.h"
#include "show.h"
#include "time-spec.h"

typedef struct Arguments {
        EventOptions events;
        uint64_t timeout_usec;
        bool propagate;
} Arguments;

static void arguments_done(Arguments *a)
{
        event_options_done(&a->events);
}

enum {
        OPTION_TIMEOUT = OPTION_FIRST_BEHIND,
        OPTION_PROPAGATE,
};

#define SHORT_OPTIONS "f:n:S:h"

static const struct option options[] = {
        { "filter", required_argument, NULL, 'f' },
        { "name", required_argument, NULL, 'n' },
        { "since", required_argument, NULL, 'S' },
        { "timeout", required_argument, NULL, OPTION_TIMEOUT },
        { "propagate", no_argument, NULL, OPTION_PROPAGATE },
        EVENT_OPTIONS,
        COMMON_OPTIONS,
        {},
};

static int take_options(Context *c, Arguments *a, int argc, char *argv[])
{
        int option, status = -1;

        while ((option = getopt_long(argc, argv, SHORT_OPTIONS, options, NULL)) >= 0) {
                if (option == OPTION_TIMEOUT)
                        status = command_take_duration(c, "timeout", optarg, &a->timeout_usec);
                else if (option != OPTION_PROPAGATE)
                        status = event_options_take(c, &a->events, option);
                if (status >= 0)
                        return status;
        }
        if (optind < argc)
                return command_usage_error(
                        c, "\"%s\" is too much: what to wait for is said with options.",
                        argv[optind]);
        return -1;
}

static int wait_for_event(Context *c, Arguments *a, int argc, char *argv[])
{
        ShowOptions show = { .wait = true, .propagate = a->propagate };
        FollowOptions *f = &show.follow;
        int status;

        status = take_options(c, a, argc, argv);
        if (status < 0)
                status = selection_range(c, &a->events.selection, time_now_nsec(), &f->since_nsec,
                                         &f->until_nsec);
        f->follow = true;
        f->start = a->events.selection.since ? FOLLOW_TIME : FOLLOW_NOW;
        if (status < 0)
                status = event_options_apply(c, &a->events, &show);
        if (status >= 0)
                return a->propagate ? command_propagate_failure(status) : status;
        show.timeout_usec = a->timeout_usec;
        return show_events(c, &show);
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(arguments_done) Arguments a = {
                .timeout_usec = UINT64_MAX,
                .propagate =
                        command_has_option(argc, argv, SHORT_OPTIONS, options, OPTION_PROPAGATE),
        };

        return wait_for_event(c, &a, argc, argv);
}

const Command command_wait = {
        .name = "wait",
        .purpose = "Wait for an event",
        .run = run,
        .help = "Usage: cevctl wait [OPTION...]\n"
                "\n"
                "Waits until an event is recorded that matches, and prints it: one that is recorded\n"
                "after the service was first asked, or since --since, or after --after. To miss none,\n"
                "take the cursor first (\"cevctl cursor\"), then begin what the event will come of,\n"
                "then wait --after that cursor. A restart of the service makes no hole.\n"
                "\n"
                "  -f, --filter KEY=VALUE    as of \"cevctl events\"\n"
                "  -n, --name NAME           an event of that container, as --filter container=NAME\n"
                "  -S, --since TIME          also one that has happened since then\n"
                "      --timeout DURATION    how long: 30s, 1h30m, or a number of seconds\n"
                "      --propagate           exit with the exit code that the event tells\n" EVENT_OPTIONS_HELP
                        COMMON_HELP SELECTION_HELP_TIME "\n"
                "Exit status: 0 if there was one, 124 if there was none in that time. With\n"
                "--propagate 125 for all failures but that.\n",
};
