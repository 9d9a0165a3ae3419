/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "time-spec.h"

#define SEC INT64_C(1000000000)

/* 2026-11-22 12:00:00.5 UTC, 13:00 in Berlin */
#define NOW (INT64_C(1795348800) * SEC + 500000000)

typedef struct Row {
        const char *text;
        int64_t want;
} Row;

static void check(const char *zone, const Row *row, TimeDirection direction)
{
        int64_t got = 0;
        int r;

        setenv("TZ", zone, 1);
        tzset();
        r = time_spec_parse(row->text, direction, NOW, &got);
        if (tap_eq_int(r, 0, "\"%s\" is a time in %s", row->text, zone))
                tap_eq_int(got, row->want, "\"%s\" in %s is the right one", row->text, zone);
}

static void test_times_with_a_zone(void)
{
        static const Row rows[] = {
                { "2026-11-22T12:00:00Z", 1795348800 * SEC },
                { "2026-11-22t12:00:00z", 1795348800 * SEC },
                { "2026-11-22T12:00:00.5Z", NOW },
                { "2026-11-22T12:00:00,5Z", NOW },
                { "2026-11-22T12:00:00.000000001Z", 1795348800 * SEC + 1 },
                { "2026-11-22T12:00:00.0000000019Z", 1795348800 * SEC + 1 },
                { "2026-11-22T14:00:00+02:00", 1795348800 * SEC },
                { "2026-11-22T14:00:00+0200", 1795348800 * SEC },
                { "2026-11-22T06:30:00-05:30", 1795348800 * SEC },
                { "2026-11-22 12:00Z", 1795348800 * SEC },
                { "2026-11-22T12Z", 1795348800 * SEC },
                { "2026-11-22Z", 1795305600 * SEC },
                { "2026-11-22+02:00", 1795298400 * SEC },
                { "2024-02-29T00:00:00Z", 1709164800 * SEC },
                { "2000-02-29T00:00:00Z", 951782400 * SEC },
                { "1970-01-01T00:00:00Z", 0 },
                { "1969-12-31T23:59:59.9Z", -100000000 },
                { "2262-04-11T23:47:16.854775807Z", INT64_MAX },
                { "1677-09-21T00:12:43.145224192Z", INT64_MIN },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check("Europe/Berlin", &rows[i], TIME_BACK);
}

/* CET is UTC+1, CEST UTC+2; in 2026 it changes on 29 March and 25 October. */
static void test_local_times(void)
{
        static const Row berlin[] = {
                { "2026-11-22", 1795302000 * SEC },
                { "2026-11-22T13:00", 1795348800 * SEC },
                { "2026-11-22 13:00", 1795348800 * SEC },
                { "2026-11-22T13", 1795348800 * SEC },
                { "2026-11-22 13:00:00.5", NOW },
                { "2026-07-01T14:00:00", 1782907200 * SEC },
                /* The day on which an hour is missing, before and after it. */
                { "2026-03-29T01:59:59", 1774745999 * SEC },
                { "2026-03-29T03:00:00", 1774746000 * SEC },
                /* The hour that comes twice: the first is meant; then the one after both. */
                { "2026-10-25T02:30:00", 1792888200 * SEC },
                { "2026-10-25T03:00:00", 1792893600 * SEC },
        };
        static const Row kathmandu = { "2026-11-22T17:45", 1795348800 * SEC };

        for (size_t i = 0; i < sizeof(berlin) / sizeof(berlin[0]); i++)
                check("Europe/Berlin", &berlin[i], TIME_BACK);
        check("Asia/Kathmandu", &kathmandu, TIME_BACK);
}

static void test_the_missing_hour_is_near_its_place(void)
{
        int64_t got = 0;

        setenv("TZ", "Europe/Berlin", 1);
        tzset();
        tap_eq_int(time_spec_parse("2026-03-29T02:30:00", TIME_BACK, NOW, &got), 0,
                   "an hour that never came is a time");
        tap_ok(got >= (1774746000 - 1800) * SEC && got <= (1774746000 + 1800) * SEC,
               "it is within half an hour of the change");
}

static void test_words(void)
{
        static const Row berlin[] = {
                { "now", NOW },
                { "today", 1795302000 * SEC },
                { "yesterday", 1795215600 * SEC },
                { "tomorrow", 1795388400 * SEC },
        };
        static const Row auckland = { "today", 1795345200 * SEC }; /* it is the 23rd there */
        int64_t got = 0;

        for (size_t i = 0; i < sizeof(berlin) / sizeof(berlin[0]); i++)
                check("Europe/Berlin", &berlin[i], TIME_AHEAD);
        check("Pacific/Auckland", &auckland, TIME_BACK);

        /* On 26 October 2026 at 00:30 in Berlin, yesterday had 25 hours. */
        setenv("TZ", "Europe/Berlin", 1);
        tzset();
        tap_eq_int(time_spec_parse("yesterday", TIME_BACK, 1792971000 * SEC, &got), 0,
                   "yesterday after the clocks changed");
        tap_eq_int(got, 1792879200 * SEC, "it began at its own midnight");
}

static void test_seconds_are_exact(void)
{
        static const Row rows[] = {
                { "0", 0 },
                { "5", 5 * SEC },
                { "+5", 5 * SEC },
                { "-5", -5 * SEC },
                { "-5.25", -5 * SEC - 250000000 },
                { "1795348800", 1795348800 * SEC },
                { "1795348800.123456789", 1795348800 * SEC + 123456789 },
                { "1795348800.1234567899", 1795348800 * SEC + 123456789 },
                { "1795348800.", 1795348800 * SEC },
                { "9223372036.854775807", INT64_MAX },
                { "-9223372036.854775808", INT64_MIN },
                { "0000000000000000000000000000001", SEC },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check("Europe/Berlin", &rows[i], TIME_AHEAD);
}

static void test_durations(void)
{
        static const Row rows[] = {
                { "10m", 600 * SEC },
                { "1h30m", 5400 * SEC },
                { "1.5h", 5400 * SEC },
                { ".5s", SEC / 2 },
                { "1.s", SEC },
                { "-5m", -300 * SEC },
                { "+5m", 300 * SEC },
                { "1d", 86400 * SEC },
                { "2w", 14 * 86400 * SEC },
                { "1w2d3h4m5s6ms7us8ns", 788645 * SEC + 6007008 },
                { "7\xc2\xb5s", 7000 },
                { "7\xce\xbcs", 7000 },
                { "300ms", 300000000 },
                { "1ns", 1 },
                { "0.0000001s", 100 },
                { "0s", 0 },
                { "10m10m", 1200 * SEC },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Row back = { rows[i].text, NOW - rows[i].want };
                Row ahead = { rows[i].text, NOW + rows[i].want };

                check("UTC", &back, TIME_BACK);
                check("UTC", &ahead, TIME_AHEAD);
        }
}

static void test_what_is_no_time(void)
{
        static const char *const texts[] = {
                "",
                " ",
                "soon",
                "Now",
                "now ",
                " now",
                "5 m",
                "m",
                "5x",
                "5m5",
                "1h-5m",
                "--5m",
                "-",
                "+",
                ".",
                "1.2.3",
                "1e9",
                "inf",
                "NaN",
                "0x10",
                "1_000",
                "1,5",
                "10M",
                "1y",
                "2026-11",
                "2026-11-2",
                "2026-13-01",
                "2026-00-01",
                "2026-11-00",
                "2026-11-31",
                "2026-02-29",
                "2100-02-29",
                "2026-11-22T",
                "2026-11-22T24:00",
                "2026-11-22T12:60",
                "2026-11-22T12:00:60",
                "2026-11-22T12:00:00.",
                "2026-11-22T12:00:00.Z",
                "2026-11-22T12:00:00+1",
                "2026-11-22T12:00:00+24:00",
                "2026-11-22T12:00:00+01:60",
                "2026-11-22T12:00:00Zulu",
                "2026-11-22x",
                "20261122T120000Z",
                "2026-11-22T1:00",
                "26-11-22",
                "12:00",
        };
        static const char *const far[] = {
                "9223372036.854775808",
                "-9223372036.854775809",
                "99999999999999999999999999",
                "1795348800000000000", /* nanoseconds, taken for seconds */
                "9999-12-31",
                "9999-12-31T00:00:00Z",
                "0001-01-01T00:00:00Z",
                "200000w",
                "99999999999999999999999h",
                "15250w15250w",
                "9223372036854775807ns1ns",
        };
        int64_t got = 77;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                tap_eq_int(time_spec_parse(texts[i], TIME_BACK, NOW, &got), -EINVAL,
                           "\"%s\" is no time", texts[i]);
        for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
                tap_eq_int(time_spec_parse(far[i], TIME_AHEAD, NOW, &got), -ERANGE,
                           "\"%s\" is too far away", far[i]);
        tap_eq_int(got, 77, "a failure leaves the result alone");
}

static void test_how_long_to_wait(void)
{
        static const struct {
                const char *text;
                int r;
                uint64_t want;
        } rows[] = {
                { "30", 0, 30000000 },
                { "0", 0, 0 },
                { "+5", 0, 5000000 },
                { "1.5", 0, 1500000 },
                { "0.0000001", 0, 1 },
                { "30s", 0, 30000000 },
                { "1h30m", 0, 5400000000 },
                { "2d", 0, 172800000000 },
                { "1ns", 0, 1 },
                { "1001ns", 0, 2 },
                { "0s", 0, 0 },
                { "9223372036.854775807", 0, 9223372036854776 },
                { "9223372037", -ERANGE, 0 },
                { "20000w", -ERANGE, 0 },
                { "-1", -EINVAL, 0 },
                { "-0", -EINVAL, 0 },
                { "-5s", -EINVAL, 0 },
                { "--5", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { " 5", -EINVAL, 0 },
                { "5 ", -EINVAL, 0 },
                { "5x", -EINVAL, 0 },
                { "s", -EINVAL, 0 },
                { "now", -EINVAL, 0 },
                { "2026-11-22", -EINVAL, 0 },
                { "inf", -EINVAL, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t got = 0;

                tap_eq_int(duration_parse(rows[i].text, &got), rows[i].r, "how long is \"%s\"",
                           rows[i].text);
                tap_eq_u64(got, rows[i].want, "\"%s\" in microseconds", rows[i].text);
        }
}

int main(void)
{
        test_times_with_a_zone();
        test_local_times();
        test_the_missing_hour_is_near_its_place();
        test_words();
        test_seconds_are_exact();
        test_durations();
        test_what_is_no_time();
        test_how_long_to_wait();
        return tap_done();
}
