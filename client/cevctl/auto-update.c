/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "escape.h"
#include "event-json.h"
#include "history.h"
#include "output.h"
#include "table.h"
#include "text-format.h"
#include "updates.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* So many hex digits of an image's ID are shown, as Podman does. */
#define ID_SHOWN 12

#define COLOR_GOOD "\x1b[32m"
#define COLOR_BAD  "\x1b[31m"
#define COLOR_WAIT "\x1b[33m"

/* Filters of one kind are "and" with another kind, and labels are never of what is told. */
static const char *const container_filters[] = {
        "type=container",
        "event=start",
        "event=died",
        "event=remove",
        "label=io.containers.autoupdate",
        NULL,
};

static const char *const outcome_filters[] = { "type=system", "event=auto-update", NULL };

static int on_container(const Event *e, void *userdata)
{
        return updates_add_container(userdata, e);
}

static int on_outcome(const Event *e, void *userdata)
{
        return updates_add_outcome(userdata, e);
}

/* -1, or the exit status. A bus is for one reading. */
static int read_events(const Context *c, const char *const *filters, HistoryHandler handler,
                       Updates *updates)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        const FollowOptions what = { .start = FOLLOW_TIME, .filters = filters };
        int r = bus_open(c->user, &bus);

        if (r < 0)
                return bus_report(c->user, NULL, r);
        return history_read(c, bus, &what, handler, NULL, updates);
}

/* ---- for people ---- */

static const char *result_color(const char *result)
{
        if (strcmp(result, "updated") == 0)
                return COLOR_GOOD;
        return strcmp(result, "pending") == 0 ? COLOR_WAIT : COLOR_BAD;
}

static int format_time(char text[static 32], uint64_t nsec)
{
        time_t seconds = (time_t)(nsec / NSEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                return -ERANGE;
        return 0;
}

static int add_state(Table *table, const UpdateRow *row)
{
        char time[32], text[80];

        if (row->pending_nsec == 0)
                return table_add(table, row->running ? "no" : "not running",
                                 row->running ? NULL : COLOR_BAD);
        if (format_time(time, row->pending_nsec) < 0)
                return -ERANGE;
        snprintf(text, sizeof(text), "since %s", time);
        return table_add(table, text, COLOR_WAIT);
}

static int add_last(Table *table, const UpdateRow *row)
{
        _cleanup_free_ char *text = NULL;
        char time[32];

        if (!*row->result)
                return table_add(table, "-", NULL);
        if (format_time(time, row->time_nsec) < 0)
                return -ERANGE;
        if (text_format(&text, "%s %s", row->result, time) < 0)
                return -ENOMEM;
        return table_add(table, text, result_color(row->result));
}

static int add_row(Table *table, const UpdateRow *row)
{
        const char *const texts[] = { row->unit, row->container, row->policy, row->image };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
                r = table_add(table, *texts[i] ? texts[i] : "-", NULL);
        if (r >= 0)
                r = add_state(table, row);
        return r < 0 ? r : add_last(table, row);
}

static void print_error(const UpdateRow *row)
{
        putchar('\n');
        escape_print(stdout, row->unit);
        fputs(", ", stdout);
        escape_print(stdout, row->container);
        printf(", image %.*s: ", ID_SHOWN, row->new_image);
        escape_print(stdout, row->error);
        putchar('\n');
}

static int print_table(const UpdateRow *rows, size_t n)
{
        static const char *const titles[] = { "UNIT",  "CONTAINER", "POLICY",
                                              "IMAGE", "PENDING",   "LAST" };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        if (n == 0) {
                puts("No container that is up has the labels io.containers.autoupdate and "
                     "PODMAN_SYSTEMD_UNIT.");
                return 0;
        }
        r = table_new(titles, sizeof(titles) / sizeof(titles[0]), &table);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_row(table, &rows[i]);
        if (r < 0)
                return r;
        table_print(table, stdout, output_wants_color(STDOUT_FILENO));
        for (size_t i = 0; i < n; i++)
                if (*rows[i].error)
                        print_error(&rows[i]);
        return 0;
}

/* ---- for programs ---- */

static int add_member(json_object *object, const char *key, json_object *value)
{
        if (!value || json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

/* What does not apply is absent. */
static int add_text(json_object *object, const char *key, const char *text)
{
        return *text ? add_member(object, key, json_object_new_string(text)) : 0;
}

static int add_nsec(json_object *object, const char *key, uint64_t nsec)
{
        return nsec > 0 ? add_member(object, key, json_object_new_uint64(nsec)) : 0;
}

static int row_to_json(const UpdateRow *row, json_object **ret)
{
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!object || add_text(object, "Unit", row->unit) < 0 ||
            add_text(object, "Container", row->container) < 0 ||
            add_text(object, "ContainerID", row->id) < 0 ||
            add_text(object, "Policy", row->policy) < 0 ||
            add_text(object, "Image", row->image) < 0 ||
            add_member(object, "Running", json_object_new_boolean(row->running)) < 0 ||
            add_member(object, "Pending", json_object_new_boolean(row->pending_nsec > 0)) < 0 ||
            add_nsec(object, "PendingSinceNano", row->pending_nsec) < 0 ||
            add_text(object, "Result", row->result) < 0 ||
            add_nsec(object, "ResultTimeNano", row->time_nsec) < 0 ||
            add_text(object, "OldImage", row->old_image) < 0 ||
            add_text(object, "NewImage", row->new_image) < 0 ||
            add_text(object, "Error", row->error) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(object);
        return 0;
}

/* A line for each, as of events. */
static int print_json(const UpdateRow *rows, size_t n)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                _cleanup_json_ json_object *object = NULL;

                r = row_to_json(&rows[i], &object);
                if (r >= 0)
                        r = json_print(stdout, object);
        }
        return r;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(updates_freep) Updates *updates = NULL;
        const UpdateRow *rows;
        int status, r;
        size_t n;

        status = command_take_common_options(c, argc, argv);
        if (status >= 0)
                return status;
        if (optind < argc)
                return command_usage_error(c, "\"%s\" is too much.", argv[optind]);

        r = updates_new(c->user ? getuid() : 0, &updates);
        if (r < 0)
                return command_error(r, "Cannot start");
        status = read_events(c, container_filters, on_container, updates);
        if (status < 0)
                status = read_events(c, outcome_filters, on_outcome, updates);
        if (status >= 0)
                return status;

        updates_list(updates, &rows, &n);
        r = c->json ? print_json(rows, n) : print_table(rows, n);
        return r < 0 ? command_error(r, "Cannot print what is updated") : STATUS_OK;
}

const Command command_auto_update = {
        .name = "auto-update",
        .purpose = "Show which containers follow their images, and how they fare",
        .run = run,
        .help = "Usage: cevctl auto-update [OPTION...]\n"
                "\n"
                "Shows the containers that containers-events-autoupdated restarts when their image\n"
                "changes: those with the labels io.containers.autoupdate and PODMAN_SYSTEMD_UNIT;\n"
                "whether one waits for its update, and since when; and how the last one ended. All\n"
                "of that comes from the history. With --json, a line for each.\n"
                "\n" COMMON_HELP,
};
