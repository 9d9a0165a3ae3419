/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "command.h"
#include "event-options.h"
#include "selection.h"
#include "show.h"
#include "time-spec.h"

#define EVENTS_HELP SELECTION_HELP EVENT_OPTIONS_HELP COMMON_HELP SELECTION_HELP_TIME

typedef struct Arguments {
        EventOptions events;
        bool stream;
} Arguments;

static void arguments_done(Arguments *a)
{
        event_options_done(&a->events);
}

static int take_options(Context *c, Arguments *a, int argc, char *argv[])
{
        enum { OPTION_STREAM = OPTION_FIRST_BEHIND };
        static const struct option options[] = {
                SELECTION_OPTIONS,
                EVENT_OPTIONS,
                { "stream", optional_argument, NULL, OPTION_STREAM },
                COMMON_OPTIONS,
                {},
        };
        int option, status;

        while ((option = getopt_long(argc, argv, SELECTION_SHORT_OPTIONS "h", options, NULL)) >=
               0) {
                if (option == OPTION_STREAM)
                        status = event_options_set_bool(c, "stream", optarg, &a->stream);
                else
                        status = event_options_take(c, &a->events, option);
                if (status >= 0)
                        return status;
        }
        if (optind < argc)
                return command_usage_error(
                        c, "\"%s\" is too much: what to show is said with options.", argv[optind]);
        return -1;
}

/* The range, and whether to follow: past the end of the range there is nothing to wait for. */
static int set_range(const Context *c, const Arguments *a, FollowOptions *f)
{
        const Selection *s = &a->events.selection;
        uint64_t now = time_now_nsec();
        int status = selection_range(c, s, now, &f->since_nsec, &f->until_nsec);

        if (status >= 0)
                return status;
        f->follow = a->stream && (!s->until || f->until_nsec > now);
        f->start = s->since || s->until || !a->stream ? FOLLOW_TIME : FOLLOW_NOW;
        return -1;
}

static int show(Context *c, bool stream, int argc, char *argv[])
{
        _cleanup_(arguments_done) Arguments a = { .stream = stream };
        ShowOptions options = {};
        int status;

        status = take_options(c, &a, argc, argv);
        if (status < 0)
                status = set_range(c, &a, &options.follow);
        if (status < 0)
                status = event_options_apply(c, &a.events, &options);
        return status >= 0 ? status : show_events(c, &options);
}

static int run_events(Context *c, int argc, char *argv[])
{
        return show(c, true, argc, argv);
}

static int run_query(Context *c, int argc, char *argv[])
{
        return show(c, false, argc, argv);
}

const Command command_events = {
        .name = "events",
        .purpose = "Show events as they happen, and those of the past with --since",
        .run = run_events,
        .help = "Usage: cevctl events [OPTION...]\n"
                "\n"
                "Shows what happens to containers from now on. With --since or --until, first what\n"
                "has happened. Nothing is left out, even if the service is restarted meanwhile.\n"
                "\n"
                "      --stream[=false]      with false, show the past and end\n" EVENTS_HELP,
};

const Command command_query = {
        .name = "query",
        .purpose = "Show the events of the past",
        .run = run_query,
        .help = "Usage: cevctl query [OPTION...]\n"
                "\n"
                "Shows what has happened to containers, from the oldest event kept, and ends.\n"
                "\n"
                "      --stream[=false]      with true, go on with what happens then\n" EVENTS_HELP,
};
