/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "calendar.h"
#include "scratch.h"
#include "settings.h"
#include "tap.h"

#define SEC UINT64_C(1000000)

static void on_report(const char *sentence, void *userdata)
{
        char *reports = userdata;

        snprintf(reports + strlen(reports), 4096 - strlen(reports), "%s\n", sentence);
}

static void put(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");

        must(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void test_defaults(void)
{
        char reports[4096] = "";
        Settings s;

        put("empty.conf", "# nothing\n");
        must(settings_load("empty.conf", false, on_report, reports, &s) >= 0);
        tap_eq_str(reports, "", "nothing to report");
        tap_eq_str(s.podman, "podman", "the command");
        tap_ok(s.rollback && !s.dry_run && !s.calendar, "what is done");
        tap_eq_u64(s.settle_usec, 2 * SEC, "settle");
        tap_eq_u64(s.stable_usec, 30 * SEC, "stable");
        tap_eq_u64(s.health_usec, 180 * SEC, "health");
        tap_eq_u64(s.min_interval_usec, 300 * SEC, "interval");
        tap_eq_u64(s.restart_usec, 900 * SEC, "restart");
        tap_eq_u64(s.window_usec, 3600 * SEC, "window");
        settings_done(&s);
}

static void test_values(void)
{
        char reports[4096] = "";
        Settings s;

        put("a.conf", "[Update]\nPodman=/opt/podman\nDryRun=yes\nRollback=no\nSettleSec=1min\n"
                      "OnCalendar=Sun 02:00\nWindowSec=2h\nHealthTimeoutSec=5\n");
        must(mkdir("a.conf.d", 0700) == 0);
        put("a.conf.d/10.conf", "[Update]\nStableSec=1min 5s\nSettleSec=3s\n");
        put("a.conf.d/20.conf", "[Update]\nOnCalendar=\nMinIntervalSec=0\n");
        put("a.conf.d/30.other", "[Update]\nDryRun=no\n");
        must(settings_load("a.conf", false, on_report, reports, &s) >= 0);
        tap_eq_str(reports, "", "nothing to report");
        tap_eq_str(s.podman, "/opt/podman", "a path");
        tap_ok(s.dry_run && !s.rollback, "yes and no");
        tap_eq_u64(s.settle_usec, 3 * SEC, "a drop-in wins");
        tap_eq_u64(s.stable_usec, 65 * SEC, "a sum");
        tap_eq_u64(s.health_usec, 5 * SEC, "seconds");
        tap_eq_u64(s.min_interval_usec, 0, "no interval");
        tap_ok(!s.calendar, "a window is taken back");
        settings_done(&s);
}

static void test_what_is_not_valid(void)
{
        char reports[4096] = "";
        Settings s;

        put("b.conf", "[Update]\nDryRun=perhaps\nStableSec=soon\nPodman=\nColour=red\n[Other]\n"
                      "DryRun=yes\nrubbish\n");
        must(settings_load("b.conf", false, on_report, reports, &s) >= 0);
        tap_ok(!s.dry_run && s.stable_usec == 30 * SEC, "the defaults hold");
        tap_eq_str(s.podman, "podman", "all of them");
        tap_ok(strstr(reports,
                      "b.conf:2: the value \"perhaps\" of DryRun= is not valid: use yes or "
                      "no.\n"),
               "a value is named");
        tap_ok(strstr(reports, "b.conf:3: the value \"soon\" of StableSec="), "so is a time");
        tap_ok(strstr(reports, "b.conf:4: "), "and a command that is none");
        tap_ok(strstr(reports, "b.conf:5: there is no key \"Colour\" in a section [Update]"),
               "a key");
        tap_ok(strstr(reports, "b.conf:7: there is no key \"DryRun\" in a section [Other]"),
               "a section");
        tap_ok(strstr(reports, "b.conf:8: "), "and a line");
        settings_done(&s);

        *reports = '\0';
        must(settings_load("missing.conf", false, on_report, reports, &s) >= 0);
        tap_ok(strstr(reports, "\"missing.conf\" cannot be read"), "a file that was asked for");
        settings_done(&s);
}

static void test_the_calendar(void)
{
        static const char utc[] = "  Original form: 02:00\nNormalized form: *-*-* 02:00:00\n"
                                  "    Next elapse: Mon 2026-11-23 02:00:00 UTC\n"
                                  "       From now: 16h left\n";
        static const char berlin[] = "    Next elapse: Mon 2026-11-23 02:00:00 CET\n"
                                     "       (in UTC): Mon 2026-11-23 01:00:00 UTC\n";
        static const char *const bad[] = { "", "Next elapse:", "Next elapse: Mon 2026-11-23",
                                           "Next elapse: Mon 2026-11-23 "
                                           "02:00:00 CET",
                                           "Next elapse: soon" };
        char base[CALENDAR_BASE_SIZE];
        uint64_t usec = 0;
        CalendarWindow window;

        tap_eq_int(calendar_parse(utc, &usec), 0, "a time");
        tap_eq_u64(usec, UINT64_C(1795399200) * SEC, "as it says");
        tap_eq_int(calendar_parse(berlin, &usec), 0, "of another zone");
        tap_eq_u64(usec, UINT64_C(1795395600) * SEC, "as it says in UTC");
        tap_eq_int(calendar_parse("Next elapse: never", &usec), 0, "none any more");
        tap_ok(usec == CALENDAR_NEVER, "is never");
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                tap_eq_int(calendar_parse(bad[i], &usec), -EINVAL, "\"%s\" is none", bad[i]);

        calendar_base(100 * SEC + 7, 40 * SEC, base);
        tap_eq_str(base, "--base-time=@60", "where to begin");
        calendar_base(10 * SEC, 40 * SEC, base);
        tap_eq_str(base, "--base-time=@0", "not before 1970");

        window = calendar_window(60 * SEC, 40 * SEC, 60 * SEC);
        tap_ok(window.open && window.until_usec == 100 * SEC, "it opens");
        window = calendar_window(60 * SEC, 40 * SEC, 100 * SEC);
        tap_ok(!window.open, "it closes");
        window = calendar_window(60 * SEC, 40 * SEC, 59 * SEC);
        tap_ok(!window.open && window.until_usec == 60 * SEC, "it will open");
        window = calendar_window(CALENDAR_NEVER, 40 * SEC, 59 * SEC);
        tap_ok(!window.open && window.until_usec == CALENDAR_NEVER, "it never will");
}

int main(void)
{
        Scratch scratch = scratch_enter();

        test_defaults();
        test_values();
        test_what_is_not_valid();
        test_the_calendar();
        scratch_leave(&scratch);
        return tap_done();
}
