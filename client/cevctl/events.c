/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "command.h"
#include "cursor-file.h"
#include "escape.h"
#include "selection.h"
#include "show.h"
#include "template.h"
#include "time-spec.h"

#define EVENTS_HELP                                                                                   \
        SELECTION_HELP                                                                                \
        "      --format json|TEXT    JSON, or a template as \"{{.Status}} {{.Name}}\"\n"              \
        "      --no-trunc[=false]    with false, cut IDs to 12 characters\n"                          \
        "      --after CURSOR        what comes after that place in the history\n"                    \
        "      --cursor-file FILE    go on after the cursor in FILE, and keep it there\n" COMMON_HELP \
                SELECTION_HELP_TIME

typedef struct Arguments {
        Selection selection;
        const char *format;
        const char *after;
        const char *cursor_file;
        bool stream;
        bool no_trunc;
} Arguments;

static void arguments_done(Arguments *a)
{
        selection_done(&a->selection);
}

/* What Go takes for a bool, since that is what scripts for Podman have; and yes and no. */
static int parse_bool(const char *text, bool *ret)
{
        static const char *const words[2][7] = {
                { "0", "f", "F", "false", "False", "FALSE", "no" },
                { "1", "t", "T", "true", "True", "TRUE", "yes" },
        };

        for (int value = 0; value < 2; value++)
                for (size_t i = 0; i < 7; i++)
                        if (strcmp(text, words[value][i]) == 0) {
                                *ret = value;
                                return 0;
                        }
        return -EINVAL;
}

static int set_bool(const Context *c, const char *option, const char *text, bool *ret)
{
        if (!text)
                *ret = true;
        else if (parse_bool(text, ret) < 0)
                return command_usage_error(c, "--%s=%s: give true or false.", option, text);
        return -1;
}

enum {
        OPTION_STREAM = OPTION_FIRST_OWN,
        OPTION_FORMAT,
        OPTION_NO_TRUNC,
        OPTION_AFTER,
        OPTION_CURSOR_FILE,
};

/* -1, or the exit status. */
static int take_option(Context *c, Arguments *a, int option)
{
        switch (option) {
        case OPTION_STREAM:
                return set_bool(c, "stream", optarg, &a->stream);
        case OPTION_NO_TRUNC:
                return set_bool(c, "no-trunc", optarg, &a->no_trunc);
        case OPTION_FORMAT:
                a->format = optarg;
                return -1;
        case OPTION_AFTER:
                a->after = optarg;
                return command_check_text(c, optarg);
        case OPTION_CURSOR_FILE:
                a->cursor_file = optarg;
                return -1;
        default:
                return selection_take_option(c, &a->selection, option);
        }
}

static int take_options(Context *c, Arguments *a, int argc, char *argv[])
{
        static const struct option options[] = {
                SELECTION_OPTIONS,
                { "stream", optional_argument, NULL, OPTION_STREAM },
                { "format", required_argument, NULL, OPTION_FORMAT },
                { "no-trunc", optional_argument, NULL, OPTION_NO_TRUNC },
                { "after", required_argument, NULL, OPTION_AFTER },
                { "cursor-file", required_argument, NULL, OPTION_CURSOR_FILE },
                COMMON_OPTIONS,
                {},
        };
        int option, status;

        while ((option = getopt_long(argc, argv, SELECTION_SHORT_OPTIONS "h", options, NULL)) >=
               0) {
                status = take_option(c, a, option);
                if (status >= 0)
                        return status;
        }
        if (optind < argc)
                return command_usage_error(
                        c, "\"%s\" is too much: what to show is said with options.", argv[optind]);
        if (c->json && a->format && strcmp(a->format, "json") != 0)
                return command_usage_error(c, "--json and --format exclude each other.");
        return -1;
}

/* The range, and whether to follow: past the end of the range there is nothing to wait for. */
static int set_range(const Context *c, const Arguments *a, FollowOptions *f)
{
        const Selection *s = &a->selection;
        uint64_t now = time_now_nsec();
        int status = selection_range(c, s, now, &f->since_nsec, &f->until_nsec);

        if (status >= 0)
                return status;
        f->follow = a->stream && (!s->until || f->until_nsec > now);
        f->start = s->since || s->until || !a->stream ? FOLLOW_TIME : FOLLOW_NOW;
        return -1;
}

/* Where to start, if not by time. The text is the caller's to free. */
static int set_cursor(const Arguments *a, FollowOptions *f, char **ret_text)
{
        int r;

        f->cursor = a->after;
        if (a->cursor_file) {
                r = cursor_file_read(a->cursor_file, ret_text);
                if (r == -EINVAL) {
                        fputs("cevctl: ", stderr);
                        escape_print(stderr, a->cursor_file);
                        fputs(" does not hold a cursor.\n", stderr);
                        return STATUS_ERROR;
                }
                if (r >= 0)
                        f->cursor = *ret_text;
                if (r >= 0 || r == -ENOENT)
                        r = cursor_file_check(a->cursor_file);
                if (r < 0)
                        return command_error(r, a->cursor_file);
        }
        if (f->cursor)
                f->start = FOLLOW_CURSOR;
        return -1;
}

static int set_format(const Context *c, const Arguments *a, ShowOptions *show, Template **ret)
{
        _cleanup_free_ char *error = NULL;
        int r;

        if (c->json || (a->format && strcmp(a->format, "json") == 0)) {
                show->format = SHOW_JSON;
                return -1;
        }
        if (!a->format)
                return -1;
        r = template_parse(a->format, ret, &error);
        if (r == -EINVAL)
                return command_usage_error(c, "%s", error);
        if (r < 0)
                return command_error(r, "Cannot read the template");
        show->format = SHOW_TEMPLATE;
        show->template = *ret;
        return -1;
}

static int show(Context *c, bool stream, int argc, char *argv[])
{
        _cleanup_(arguments_done) Arguments a = { .stream = stream, .no_trunc = true };
        _cleanup_(template_freep) Template *template = NULL;
        _cleanup_free_ char *cursor = NULL;
        ShowOptions options = {};
        int status;

        status = take_options(c, &a, argc, argv);
        if (status < 0)
                status = set_range(c, &a, &options.follow);
        if (status < 0)
                status = set_cursor(&a, &options.follow, &cursor);
        if (status < 0)
                status = set_format(c, &a, &options, &template);
        if (status >= 0)
                return status;

        options.follow.filters = a.selection.filters;
        options.truncate = !a.no_trunc;
        options.cursor_file = a.cursor_file;
        return show_events(c, &options);
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
