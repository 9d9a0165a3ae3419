/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "command.h"
#include "cursor-file.h"
#include "escape.h"
#include "show.h"
#include "template.h"
#include "time-spec.h"

#define EVENTS_HELP                                                                                   \
        "  -f, --filter KEY=VALUE    only events that match; KEY!=VALUE only those that do not.\n"    \
        "                            The same KEY again is \"or\", another one is \"and\". Keys: "    \
        "type,\n"                                                                                     \
        "                            event, container, image, pod, volume, network, name, id,\n"      \
        "                            engine, exec, exit_code, uid, label\n"                           \
        "  -n, --name NAME           events of that container, as --filter container=NAME\n"          \
        "  -S, --since TIME          from that time on\n"                                             \
        "  -U, --until TIME          up to that time\n"                                               \
        "      --format json|TEXT    JSON, or a template as \"{{.Status}} {{.Name}}\"\n"              \
        "      --no-trunc[=false]    with false, cut IDs to 12 characters\n"                          \
        "      --after CURSOR        what comes after that place in the history\n"                    \
        "      --cursor-file FILE    go on after the cursor in FILE, and keep it there\n" COMMON_HELP \
        "\n"                                                                                          \
        "A TIME is 2006-01-02T15:04:05Z, \"2006-01-02 15:04\" (local time), seconds since\n"          \
        "1970, a duration as 10m or 2d (ago for --since, ahead for --until), now, today,\n"           \
        "yesterday or tomorrow.\n"

typedef struct Arguments {
        const char *since;
        const char *until;
        const char *format;
        const char *after;
        const char *cursor_file;
        const char **filters; /* owned; NULL-terminated */
        char **own_filters;   /* owned with its strings: those made from -n */
        size_t n_filters;
        size_t n_own;
        bool stream;
        bool no_trunc;
} Arguments;

static void arguments_done(Arguments *a)
{
        for (size_t i = 0; i < a->n_own; i++)
                free(a->own_filters[i]);
        free(a->own_filters);
        free(a->filters);
}

static int add_filter(Arguments *a, const char *filter)
{
        const char **grown = reallocarray(a->filters, a->n_filters + 2, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        grown[a->n_filters++] = filter;
        grown[a->n_filters] = NULL;
        a->filters = grown;
        return 0;
}

static int add_container(Arguments *a, const char *name)
{
        char **grown = reallocarray(a->own_filters, a->n_own + 1, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        a->own_filters = grown;
        if (asprintf(&a->own_filters[a->n_own], "container=%s", name) < 0)
                return -ENOMEM;
        return add_filter(a, a->own_filters[a->n_own++]);
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
        int r = 0;

        switch (option) {
        case 'f':
                r = add_filter(a, optarg);
                break;
        case 'n':
                r = add_container(a, optarg);
                break;
        case 'S':
                a->since = optarg;
                break;
        case 'U':
                a->until = optarg;
                break;
        case OPTION_STREAM:
                return set_bool(c, "stream", optarg, &a->stream);
        case OPTION_NO_TRUNC:
                return set_bool(c, "no-trunc", optarg, &a->no_trunc);
        case OPTION_FORMAT:
                a->format = optarg;
                break;
        case OPTION_AFTER:
                a->after = optarg;
                break;
        case OPTION_CURSOR_FILE:
                a->cursor_file = optarg;
                break;
        default:
                return command_common_option(c, option == 'h' ? OPTION_HELP : option);
        }
        return r < 0 ? command_error(r, "Cannot read the options") : -1;
}

static int take_options(Context *c, Arguments *a, int argc, char *argv[])
{
        static const struct option options[] = {
                { "filter", required_argument, NULL, 'f' },
                { "name", required_argument, NULL, 'n' },
                { "since", required_argument, NULL, 'S' },
                { "until", required_argument, NULL, 'U' },
                { "stream", optional_argument, NULL, OPTION_STREAM },
                { "format", required_argument, NULL, OPTION_FORMAT },
                { "no-trunc", optional_argument, NULL, OPTION_NO_TRUNC },
                { "after", required_argument, NULL, OPTION_AFTER },
                { "cursor-file", required_argument, NULL, OPTION_CURSOR_FILE },
                COMMON_OPTIONS,
                {},
        };
        int option, status;

        while ((option = getopt_long(argc, argv, "f:n:S:U:h", options, NULL)) >= 0) {
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

static int parse_time(const Context *c, const char *option, const char *text,
                      TimeDirection direction, uint64_t now_nsec, int64_t *ret)
{
        int r = time_spec_parse(text, direction, (int64_t)now_nsec, ret);

        if (r == -ERANGE)
                return command_usage_error(
                        c, "--%s: \"%s\" is too far away, times go from 1677 to 2262.", option,
                        text);
        if (r < 0)
                return command_usage_error(c, "--%s: \"%s\" is not a time: " TIME_SPEC_ACCEPTED ".",
                                           option, text);
        return -1;
}

/* The range, and whether to follow: past the end of the range there is nothing to wait for. */
static int set_range(const Context *c, const Arguments *a, FollowOptions *f)
{
        uint64_t now = time_now_nsec();
        int64_t since = 0, until = 0;
        int status = -1;

        if (a->since)
                status = parse_time(c, "since", a->since, TIME_BACK, now, &since);
        if (a->until && status < 0)
                status = parse_time(c, "until", a->until, TIME_AHEAD, now, &until);
        if (status >= 0)
                return status;

        /* For the service 0 is no bound. Nothing happened before 1970, so for the start that is
         * right, and an end that early leaves nothing. */
        f->since_nsec = since > 0 ? (uint64_t)since : 0;
        if (a->until)
                f->until_nsec = until > 0 ? (uint64_t)until : 1;
        f->follow = a->stream && (!a->until || f->until_nsec > now);
        f->start = a->since || a->until || !a->stream ? FOLLOW_TIME : FOLLOW_NOW;
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

        options.follow.filters = a.filters;
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
