/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "escape.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

#define ID_SHORT 12

#define COLOR_TIME  "\x1b[2m"
#define COLOR_GOOD  "\x1b[32m"
#define COLOR_BAD   "\x1b[31m"
#define COLOR_PLAIN "\x1b[1m"
#define COLOR_END   "\x1b[0m"

/* ".123" without the zeros at its end, or nothing, as Go prints a fraction. */
static void print_fraction(FILE *f, uint64_t nsec)
{
        int digits = 9;

        if (nsec == 0)
                return;
        for (; nsec % 10 == 0; nsec /= 10)
                digits--;
        fprintf(f, ".%0*" PRIu64, digits, nsec);
}

/* Go's Time.String(): 2006-01-02 15:04:05.999999999 -0700 MST, in local time. */
static void print_local_time(FILE *f, uint64_t time_nsec)
{
        time_t sec = (time_t)(time_nsec / NSEC_PER_SEC);
        char clock[32] = "", zone[64] = "";
        struct tm tm = {};

        if (localtime_r(&sec, &tm)) {
                strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &tm);
                strftime(zone, sizeof(zone), "%z %Z", &tm);
        }
        fputs(clock, f);
        print_fraction(f, time_nsec % NSEC_PER_SEC);
        fprintf(f, " %s", zone);
}

static const char *status_color(const Event *e)
{
        static const char *const good[] = { "create",  "init", "start",   "restart", "unpause",
                                            "restore", "pull", "connect", "mount" };
        static const char *const bad[] = { "died",       "kill",   "oom",  "lost",
                                           "pull-error", "remove", "prune" };

        /* What ended well is no alarm. */
        if (strstr(e->status, "died") && e->has_exit_code)
                return e->exit_code == 0 ? COLOR_PLAIN : COLOR_BAD;
        if (strcmp(e->status, "health_status") == 0 && e->health_status)
                return strcmp(e->health_status, "healthy") == 0 ? COLOR_GOOD : COLOR_BAD;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                if (strcmp(e->status, good[i]) == 0)
                        return COLOR_GOOD;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (strcmp(e->status, bad[i]) == 0)
                        return COLOR_BAD;
        return COLOR_PLAIN;
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
        return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static void print_field(FILE *f, const char *before, const char *value)
{
        fputs(before, f);
        escape_print(f, value);
}

static void print_id(FILE *f, const Event *e, const PrintOptions *options)
{
        if (options->truncate && strlen(e->id) > ID_SHORT) {
                char text[ID_SHORT + 1] = "";

                memcpy(text, e->id, ID_SHORT);
                escape_print(f, text);
        } else {
                escape_print(f, e->id);
        }
}

static void print_container(FILE *f, const Event *e, const PrintOptions *options)
{
        static const char *const health[][2] = {
                { "health_failing_streak", ", health_failing_streak=" },
                { "health_log", ", health_log=" },
        };
        json_object *value;

        fputc(' ', f);
        print_id(f, e, options);
        print_field(f, " (image=", e->image);
        print_field(f, ", name=", e->name);
        if (e->pod_id)
                print_field(f, ", pod_id=", e->pod_id);
        if (e->health_status)
                print_field(f, ", health_status=", e->health_status);
        for (size_t i = 0; i < sizeof(health) / sizeof(health[0]); i++)
                if (e->others && json_object_object_get_ex(e->others, health[i][0], &value))
                        print_field(f, health[i][1], json_object_get_string(value) ?: "");
        for (size_t i = 0; i < e->n_attributes; i++) {
                print_field(f, ", ", e->attributes[i].key);
                print_field(f, "=", e->attributes[i].value);
        }
        fputc(')', f);
}

static void print_network(FILE *f, const Event *e, const PrintOptions *options)
{
        const char *name = e->network ?: e->name;

        fputc(' ', f);
        print_id(f, e, options);
        if (is_one_of(e->status, "connect", "disconnect")) {
                fputs(" (container=", f);
                print_id(f, e, options);
                print_field(f, ", name=", name);
        } else {
                const char *driver = event_attribute(e, "driver");

                print_field(f, " (name=", name);
                if (driver)
                        print_field(f, ", type=", driver);
        }
        fputc(')', f);
}

/* Podman has no "lost"; so here is what its reader needs: who, why, and from when to when. */
static void print_lost(FILE *f, const Event *e)
{
        static const char *const bounds[][2] = { { "lost_since_nsec", ", since=" },
                                                 { "lost_until_nsec", ", until=" } };
        json_object *value;

        print_field(f, " (engine=", e->engine);
        if (e->reason)
                print_field(f, ", reason=", e->reason);
        for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
                if (e->others && json_object_object_get_ex(e->others, bounds[i][0], &value) &&
                    json_object_get_uint64(value) > 0) {
                        fputs(bounds[i][1], f);
                        print_local_time(f, json_object_get_uint64(value));
                }
        fputc(')', f);
}

static void print_object(FILE *f, const Event *e, const PrintOptions *options)
{
        if (is_one_of(e->type, "container", "pod")) {
                print_container(f, e, options);
        } else if (strcmp(e->type, "network") == 0) {
                print_network(f, e, options);
        } else if (strcmp(e->type, "system") == 0) {
                if (*e->name)
                        print_field(f, " ", e->name);
                if (strcmp(e->status, "lost") == 0)
                        print_lost(f, e);
        } else if (is_one_of(e->type, "volume", "machine")) {
                print_field(f, " ", e->name);
        } else if (strcmp(e->type, "secret") == 0) {
                fputc(' ', f);
                print_id(f, e, options);
        } else { /* image and artifact, and types that came after this program */
                fputc(' ', f);
                print_id(f, e, options);
                print_field(f, " ", e->name);
                if (e->error)
                        print_field(f, " ", e->error);
        }
}

void print_human(FILE *f, const Event *e, const PrintOptions *options)
{
        fputs(options->color ? COLOR_TIME : "", f);
        print_local_time(f, e->time_nsec);
        fputs(options->color ? COLOR_END : "", f);
        print_field(f, " ", e->type);
        fputc(' ', f);
        fputs(options->color ? status_color(e) : "", f);
        escape_print(f, e->status);
        fputs(options->color ? COLOR_END : "", f);
        print_object(f, e, options);
        fputc('\n', f);
}
