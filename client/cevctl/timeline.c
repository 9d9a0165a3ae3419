/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "columns.h"
#include "command.h"
#include "escape.h"
#include "history.h"
#include "lives.h"
#include "output.h"
#include "selection.h"
#include "time-spec.h"
#include "timeline-draw.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* What is drawn if nobody says since when. */
#define RANGE_DEFAULT (86400 * NSEC_PER_SEC)

/* Less is no picture; more has nobody. */
#define WIDTH_MIN 24
#define WIDTH_MAX 10000

typedef struct Arguments {
        Selection selection;
        size_t width; /* 0: the terminal's */
        bool by_name;
} Arguments;

static void arguments_done(Arguments *a)
{
        selection_done(&a->selection);
}

enum {
        OPTION_WIDTH = OPTION_FIRST_OWN,
        OPTION_BY_NAME,
};

static int set_width(const Context *c, const char *text, size_t *ret)
{
        unsigned long width;
        char *end;

        errno = 0;
        width = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno != 0 || width < WIDTH_MIN ||
            width > WIDTH_MAX)
                return command_usage_error(c, "--width: \"%s\" is not a number from %d to %d.",
                                           text, WIDTH_MIN, WIDTH_MAX);
        *ret = width;
        return -1;
}

static int take_options(Context *c, Arguments *a, int argc, char *argv[])
{
        static const struct option options[] = {
                SELECTION_OPTIONS,
                { "width", required_argument, NULL, OPTION_WIDTH },
                { "by-name", no_argument, NULL, OPTION_BY_NAME },
                COMMON_OPTIONS,
                {},
        };
        int option, status = -1;

        while ((option = getopt_long(argc, argv, SELECTION_SHORT_OPTIONS "h", options, NULL)) >=
               0) {
                if (option == OPTION_WIDTH)
                        status = set_width(c, optarg, &a->width);
                else if (option == OPTION_BY_NAME)
                        a->by_name = true;
                else
                        status = selection_take_option(c, &a->selection, option);
                if (status >= 0)
                        return status;
        }
        if (optind < argc)
                return command_usage_error(
                        c, "\"%s\" is too much: what to draw is said with options.", argv[optind]);
        return -1;
}

/* Of the many events of a container only those that change its state are asked for, unless the
 * caller has asked for some. */
static int narrow(Selection *s, char filters[][32])
{
        size_t n = 0;
        int r = 0;

        if (!selection_has_key(s, "event") && !selection_has_key(s, "status"))
                for (; r >= 0 && lives_statuses[n]; n++) {
                        snprintf(filters[n], sizeof(filters[n]), "event=%s", lives_statuses[n]);
                        r = selection_add_filter(s, filters[n]);
                }
        if (r >= 0 && !selection_has_key(s, "type"))
                r = selection_add_filter(s, "type=container");
        return r;
}

static int set_scale(const Context *c, const Arguments *a, Scale *ret)
{
        Scale scale = { .now_nsec = time_now_nsec() };
        int status = selection_range(c, &a->selection, scale.now_nsec, &scale.since_nsec,
                                     &scale.until_nsec);

        if (status >= 0)
                return status;
        if (scale.until_nsec == 0)
                scale.until_nsec = scale.now_nsec;
        if (!a->selection.since && scale.until_nsec > RANGE_DEFAULT)
                scale.since_nsec = scale.until_nsec - RANGE_DEFAULT;
        if (scale.since_nsec >= scale.until_nsec)
                return command_usage_error(c, "The range ends before it begins.");
        *ret = scale;
        return -1;
}

/* A history that is shorter than what is drawn by default fills the width. */
static void fit_scale(const Arguments *a, const Lives *lives, Scale *scale)
{
        uint64_t least;

        if (!a->selection.since && lives_least_time(lives, &least) && least > scale->since_nsec &&
            least < scale->until_nsec)
                scale->since_nsec = least;
        /* So that each column has a nanosecond of its own. */
        if (scale->until_nsec - scale->since_nsec < WIDTH_MAX)
                scale->since_nsec =
                        scale->until_nsec > WIDTH_MAX ? scale->until_nsec - WIDTH_MAX : 0;
}

static int on_event(const Event *event, void *userdata)
{
        return lives_add(userdata, event);
}

static int draw(const Context *c, const Arguments *a, Lives *lives, Scale *scale)
{
        _cleanup_free_ const Life **list = NULL;
        DrawOptions options = {
                .width = a->width ?: columns_of_terminal(STDOUT_FILENO),
                .utf8 = columns_have_utf8(),
                .color = output_wants_color(STDOUT_FILENO),
        };
        size_t n;
        int r;

        fit_scale(a, lives, scale);
        r = lives_list(lives, scale->since_nsec, scale->until_nsec, &list, &n);
        if (r >= 0 && c->json)
                r = timeline_print_json(stdout, list, scale);
        else if (r >= 0 && n == 0)
                puts("No container was up, and none changed.");
        else if (r >= 0)
                r = timeline_draw(stdout, list, n, *scale, &options);
        return r < 0 ? command_error(r, "Cannot draw") : STATUS_OK;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(arguments_done) Arguments a = {};
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(lives_freep) Lives *lives = NULL;
        char filters[16][32];
        FollowOptions what = { .start = FOLLOW_TIME };
        Scale scale = {};
        int status, r;

        (void)setlocale(LC_CTYPE, "");
        (void)signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of write() */
        status = take_options(c, &a, argc, argv);
        if (status < 0)
                status = set_scale(c, &a, &scale);
        if (status >= 0)
                return status;
        r = narrow(&a.selection, filters);
        if (r >= 0)
                r = lives_new(scale.since_nsec, a.by_name, &lives);
        if (r < 0)
                return command_error(r, "Cannot start");

        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        /* From the oldest event on: who is up at the start of the range was started before it. */
        what.until_nsec = scale.until_nsec;
        what.filters = a.selection.filters;
        status = history_read(c, bus, &what, on_event, NULL, lives);
        return status >= 0 ? status : draw(c, &a, lives, &scale);
}

const Command command_timeline = {
        .name = "timeline",
        .purpose = "Draw when containers were up, and how they ended",
        .run = run,
        .help = "Usage: cevctl timeline [OPTION...]\n"
                "\n"
                "Draws what happened to containers in the last 24 hours, or since --since: a row for\n"
                "each, with a bar where it was up. Where it died stands its exit code.\n"
                "\n" SELECTION_HELP
                "      --width COLUMNS       draw that wide; if not given, as wide as the terminal\n"
                "      --by-name             one row for all containers that had the same name\n" COMMON_HELP
                        SELECTION_HELP_TIME,
};
