/* SPDX-License-Identifier: Apache-2.0 */
#include "print.h"

#include <inttypes.h>
#include <stdlib.h>
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

static const char *status_color(const cev_event *e)
{
        static const char *const good[] = { "create",  "init", "start",   "restart", "unpause",
                                            "restore", "pull", "connect", "mount" };
        static const char *const bad[] = { "died",       "kill",   "oom",  "lost",
                                           "pull-error", "remove", "prune" };

        const char *status = cev_event_get_status(e), *health = cev_event_get_health_status(e);
        int code;

        /* What ended well is no alarm. */
        if (strstr(status, "died") && cev_event_get_exit_code(e, &code) >= 0)
                return code == 0 ? COLOR_PLAIN : COLOR_BAD;
        if (strcmp(status, "health_status") == 0 && health)
                return strcmp(health, "healthy") == 0 ? COLOR_GOOD : COLOR_BAD;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                if (strcmp(status, good[i]) == 0)
                        return COLOR_GOOD;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (strcmp(status, bad[i]) == 0)
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

static void print_id(FILE *f, const cev_event *e, const PrintOptions *options)
{
        const char *id = cev_event_get_id(e);
        char text[ID_SHORT + 1] = "";

        if (options->truncate && strlen(id) > ID_SHORT)
                id = memcpy(text, id, ID_SHORT);
        escape_print(f, id);
}

/* What the event may not have. */
static void print_optional(FILE *f, const char *before, const char *value)
{
        if (value)
                print_field(f, before, value);
}

static void print_container(FILE *f, const cev_event *e, const PrintOptions *options)
{
        const char *key, *value;

        fputc(' ', f);
        print_id(f, e, options);
        print_field(f, " (image=", cev_event_get_image(e));
        print_field(f, ", name=", cev_event_get_name(e));
        print_optional(f, ", pod_id=", cev_event_get_pod_id(e));
        print_optional(f, ", health_status=", cev_event_get_health_status(e));
        print_optional(
                f, ", health_failing_streak=", cev_event_get_detail(e, "health_failing_streak"));
        print_optional(f, ", health_log=", cev_event_get_detail(e, "health_log"));
        for (size_t i = 0; cev_event_get_label_at(e, i, &key, &value) >= 0; i++) {
                print_field(f, ", ", key);
                print_field(f, "=", value);
        }
        fputc(')', f);
}

static void print_network(FILE *f, const cev_event *e, const PrintOptions *options)
{
        const char *name = cev_event_get_network(e) ?: cev_event_get_name(e);

        fputc(' ', f);
        print_id(f, e, options);
        if (is_one_of(cev_event_get_status(e), "connect", "disconnect")) {
                fputs(" (container=", f);
                print_id(f, e, options);
                print_field(f, ", name=", name);
        } else {
                print_field(f, " (name=", name);
                print_optional(f, ", type=", cev_event_get_label(e, "driver"));
        }
        fputc(')', f);
}

static void print_bound(FILE *f, const char *before, const char *nsec)
{
        uint64_t time_nsec = nsec ? strtoull(nsec, NULL, 10) : 0;

        if (time_nsec == 0)
                return;
        fputs(before, f);
        print_local_time(f, time_nsec);
}

/* Podman has no "lost"; so here is what its reader needs: who, why, and from when to when. */
static void print_lost(FILE *f, const cev_event *e)
{
        print_field(f, " (engine=", cev_event_get_engine(e));
        print_optional(f, ", reason=", cev_event_get_reason(e));
        print_bound(f, ", since=", cev_event_get_detail(e, "lost_since_nsec"));
        print_bound(f, ", until=", cev_event_get_detail(e, "lost_until_nsec"));
        fputc(')', f);
}

static void print_object(FILE *f, const cev_event *e, const PrintOptions *options)
{
        const char *type = cev_event_get_type(e), *name = cev_event_get_name(e);

        if (is_one_of(type, "container", "pod")) {
                print_container(f, e, options);
        } else if (strcmp(type, "network") == 0) {
                print_network(f, e, options);
        } else if (strcmp(type, "system") == 0) {
                if (*name)
                        print_field(f, " ", name);
                if (strcmp(cev_event_get_status(e), "lost") == 0)
                        print_lost(f, e);
        } else if (is_one_of(type, "volume", "machine")) {
                print_field(f, " ", name);
        } else if (strcmp(type, "secret") == 0) {
                fputc(' ', f);
                print_id(f, e, options);
        } else { /* image and artifact, and types that came after this program */
                fputc(' ', f);
                print_id(f, e, options);
                print_field(f, " ", name);
                print_optional(f, " ", cev_event_get_error(e));
        }
}

void print_human(FILE *f, const cev_event *e, const PrintOptions *options)
{
        fputs(options->color ? COLOR_TIME : "", f);
        print_local_time(f, cev_event_get_time_nsec(e));
        fputs(options->color ? COLOR_END : "", f);
        print_field(f, " ", cev_event_get_type(e));
        fputc(' ', f);
        fputs(options->color ? status_color(e) : "", f);
        escape_print(f, cev_event_get_status(e));
        fputs(options->color ? COLOR_END : "", f);
        print_object(f, e, options);
        fputc('\n', f);
}
