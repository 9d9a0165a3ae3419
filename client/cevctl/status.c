/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "bus.h"
#include "cleanup.h"
#include "command.h"
#include "escape.h"
#include "event-json.h"
#include "output.h"
#include "properties.h"
#include "table.h"

#define COLOR_GOOD   "\x1b[32m"
#define COLOR_BAD    "\x1b[31m"
#define COLOR_STRONG "\x1b[1m"
#define COLOR_END    "\x1b[0m"

typedef struct Page {
        const Context *context;
        json_object *service; /* owned */
        json_object *sources; /* owned */
        bool color;
} Page;

static void page_done(Page *p)
{
        json_object_put(p->service);
        json_object_put(p->sources);
}

static void print_colored(const Page *p, const char *color, const char *text)
{
        fputs(p->color ? color : "", stdout);
        escape_print(stdout, text);
        fputs(p->color ? COLOR_END : "", stdout);
}

static void print_size(uint64_t bytes)
{
        static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
        size_t unit = 0;

        if (bytes < 1024) {
                printf("%" PRIu64 " bytes", bytes);
                return;
        }
        /* Tenths, in integers: sizes may be larger than a double is exact. */
        uint64_t tenths = bytes / 1024 * 10 + bytes % 1024 * 10 / 1024;
        while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
                tenths /= 1024;
                unit++;
        }
        printf("%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
}

static bool is_degraded(const Page *p)
{
        json_object *value;

        return json_object_object_get_ex(p->service, "Degraded", &value) &&
               json_object_get_boolean(value);
}

static void print_history(const Page *p)
{
        uint64_t oldest = properties_number(p->service, "OldestSeq");
        uint64_t newest = properties_number(p->service, "NewestSeq");
        const char *epoch = properties_string(p->service, "Epoch");

        fputs("   History: ", stdout);
        if (newest == 0)
                fputs("no events yet", stdout);
        else if (oldest == 0)
                printf("no event is kept, the last was %" PRIu64, newest);
        else /* how many they are nobody knows: some in between may have been taken out */
                printf("events %" PRIu64 " to %" PRIu64, oldest, newest);
        fputs(", ", stdout);
        print_size(properties_number(p->service, "LogSize"));
        fputs(", ", stdout);
        escape_print(stdout, properties_string(p->service, "Backend"));
        fputs("\n     Epoch: ", stdout);
        escape_print(stdout, *epoch ? epoch : "-");
        fputc('\n', stdout);
}

static void print_service(const Page *p)
{
        uint64_t lost = properties_number(p->service, "Lost");
        const char *reason = properties_string(p->service, "DegradedReason");
        char text[64];

        print_colored(p, COLOR_STRONG, "containers-eventsd ");
        print_colored(p, COLOR_STRONG, properties_string(p->service, "Version"));
        printf(" on the %s bus\n     State: ", p->context->user ? "user" : "system");
        if (is_degraded(p)) {
                print_colored(p, COLOR_BAD, "degraded: ");
                print_colored(p, COLOR_BAD, *reason ? reason : "no reason was given");
        } else {
                print_colored(p, COLOR_GOOD, "recording");
        }
        fputc('\n', stdout);
        print_history(p);

        printf("  Recorded: %" PRIu64 " since the service started\n      Lost: ",
               properties_number(p->service, "Recorded"));
        snprintf(text, sizeof(text), "%" PRIu64 " %s", lost, lost == 1 ? "stretch" : "stretches");
        print_colored(p, lost > 0 ? COLOR_BAD : "", lost > 0 ? text : "nothing");
        fputs(" since the service started\n", stdout);
}

static const char *state_color(const char *state)
{
        if (strcmp(state, "live") == 0)
                return COLOR_GOOD;
        if (strcmp(state, "failed") == 0 || strcmp(state, "gap") == 0)
                return COLOR_BAD;
        return NULL;
}

static int add_number(Table *table, json_object *source, const char *name)
{
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, properties_number(source, name));
        return table_add(table, text, NULL);
}

static int add_source(Table *table, json_object *source)
{
        static const char *const strings[] = { "Name", "State", "Type", "Version", "Api" };
        static const char *const numbers[] = { "Received", "Duplicates", "Lost" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < sizeof(strings) / sizeof(strings[0]); i++) {
                const char *text = properties_string(source, strings[i]);

                r = table_add(table, text, i == 1 ? state_color(text) : NULL);
        }
        for (size_t i = 0; r >= 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
                r = add_number(table, source, numbers[i]);
        return r < 0 ? r : table_add(table, properties_string(source, "Id"), NULL);
}

static int print_sources(const Page *p)
{
        static const char *const titles[] = { "SOURCE",      "STATE", "ENGINE",
                                              "VERSION",     "API",   ">RECEIVED",
                                              ">DUPLICATES", ">LOST", "ID" };
        _cleanup_(table_freep) Table *table = NULL;
        size_t n = json_object_array_length(p->sources);
        int r;

        if (n == 0) {
                puts("\nNo sources: no engine was found or configured.");
                return 0;
        }
        r = table_new(titles, sizeof(titles) / sizeof(titles[0]), &table);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_source(table, json_object_array_get_idx(p->sources, i));
        if (r < 0)
                return r;
        fputc('\n', stdout);
        table_print(table, stdout, p->color);

        for (size_t i = 0; i < n; i++) {
                json_object *source = json_object_array_get_idx(p->sources, i);
                const char *error = properties_string(source, "LastError");

                if (!*error)
                        continue;
                printf("\nLast error of ");
                escape_print(stdout, properties_string(source, "Name"));
                fputs(": ", stdout);
                escape_print(stdout, error);
                fputc('\n', stdout);
        }
        return 0;
}

static int print_page(const Page *p)
{
        int r;

        if (p->context->json) {
                if (json_object_object_add(p->service, "Sources", json_object_get(p->sources)) <
                    0) {
                        json_object_put(p->sources);
                        return -ENOMEM;
                }
                return json_print(stdout, p->service);
        }
        print_service(p);
        r = print_sources(p);
        return r;
}

static int run(Context *c, int argc, char *argv[])
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(page_done) Page page = { .context = c };
        int status, r;

        status = command_take_common_options(c, argc, argv);
        if (status >= 0)
                return status;
        if (optind < argc)
                return command_usage_error(c, "\"%s\" is too much.", argv[optind]);

        page.color = output_wants_color(STDOUT_FILENO);
        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        r = properties_of_service(bus, &error, &page.service);
        if (r >= 0)
                r = properties_of_sources(bus, &error, &page.sources);
        if (r < 0)
                return bus_report(c->user, &error, r);

        r = print_page(&page);
        return r < 0 ? command_error(r, "Cannot print the status") : STATUS_OK;
}

const Command command_status = {
        .name = "status",
        .purpose = "Show how the service, its history and its sources are",
        .run = run,
        .help = "Usage: cevctl status [OPTION...]\n"
                "\n"
                "Shows whether events are recorded, what the history holds, and which engines\n"
                "containers-eventsd listens to. With --json, the properties under their names.\n"
                "\n" COMMON_HELP,
};
