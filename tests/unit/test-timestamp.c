/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "model/timestamp.h"
#include "tap.h"

#define S NSEC_PER_SEC

static void test_times_that_are(void)
{
        static const struct {
                const char *label, *text;
                uint64_t nsec;
        } rows[] = {
                { "the epoch", "1970-01-01T00:00:00Z", 0 },
                { "the smallest time", "1970-01-01T00:00:00.000000001Z", 1 },
                { "a time of Podman's", "2026-11-21T23:13:53.860408609Z",
                  UINT64_C(1795302833) * S + 860408609 },
                { "fewer digits", "2026-11-21T23:13:53.86Z", UINT64_C(1795302833) * S + 860000000 },
                { "more digits than nine", "1970-01-01T00:00:00.1234567899Z", 123456789 },
                { "a comma", "1970-01-01T00:00:01,5Z", S + S / 2 },
                { "east of us", "1970-01-01T02:00:00+02:00", 0 },
                { "west of us", "1969-12-31T18:30:00-05:30", 0 },
                { "a zone of zero", "1970-01-01T00:00:00-00:00", 0 },
                { "lower case", "1970-01-01t00:00:00z", 0 },
                { "a space in the middle", "1970-01-01 00:00:00Z", 0 },
                { "a leap day", "2024-02-29T00:00:00Z", UINT64_C(1709164800) * S },
                { "a leap day of a century", "2000-02-29T00:00:00Z", UINT64_C(951782400) * S },
                { "a leap second", "2016-12-31T23:59:60Z", UINT64_C(1483228800) * S },
                { "the last time", "2554-07-21T23:34:33.709551615Z", UINT64_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t nsec = 4711;

                tap_eq_int(timestamp_parse(rows[i].text, &nsec), 0, "%s", rows[i].label);
                tap_eq_u64(nsec, rows[i].nsec, "%s", rows[i].text);
        }
}

static void test_times_that_cannot_be(void)
{
        static const struct {
                const char *text;
                int result;
        } rows[] = {
                { "", -EINVAL },
                { "now", -EINVAL },
                { "1970-01-01", -EINVAL },
                { "1970-01-01T00:00:00", -EINVAL },
                { "1970-01-01T00:00Z", -EINVAL },
                { "1970-01-01T00:00:00Z ", -EINVAL },
                { " 1970-01-01T00:00:00Z", -EINVAL },
                { "1970-01-01T00:00:00ZZ", -EINVAL },
                { "1970-01-01T00:00:00.Z", -EINVAL },
                { "1970-01-01T00:00:00.1", -EINVAL },
                { "1970-01-01T00:00:00+0200", -EINVAL },
                { "1970-01-01T00:00:00+02", -EINVAL },
                { "1970-01-01T00:00:00+24:00", -EINVAL },
                { "1970-01-01T00:00:00+02:60", -EINVAL },
                { "1970-1-1T00:00:00Z", -EINVAL },
                { "19700101T000000Z", -EINVAL },
                { "1970-00-01T00:00:00Z", -EINVAL },
                { "1970-13-01T00:00:00Z", -EINVAL },
                { "1970-01-00T00:00:00Z", -EINVAL },
                { "1970-01-32T00:00:00Z", -EINVAL },
                { "1970-04-31T00:00:00Z", -EINVAL },
                { "2025-02-29T00:00:00Z", -EINVAL },
                { "2100-02-29T00:00:00Z", -EINVAL },
                { "1970-01-01T24:00:00Z", -EINVAL },
                { "1970-01-01T00:60:00Z", -EINVAL },
                { "1970-01-01T00:00:61Z", -EINVAL },
                { "-970-01-01T00:00:00Z", -EINVAL },
                { "+1970-01-01T00:00:00Z", -EINVAL },
                { "1970-01-01T00:00:+1Z", -EINVAL },
                { "1969-12-31T23:59:59.999999999Z", -ERANGE },
                { "1970-01-01T00:00:00+00:01", -ERANGE },
                { "0000-01-01T00:00:00Z", -ERANGE },
                { "2554-07-21T23:34:33.709551616Z", -ERANGE },
                { "2554-07-21T23:34:34Z", -ERANGE },
                { "9999-12-31T23:59:60.999999999-23:59", -ERANGE },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t nsec = 4711;

                tap_eq_int(timestamp_parse(rows[i].text, &nsec), rows[i].result, "\"%s\"",
                           rows[i].text);
                tap_eq_u64(nsec, 4711, "nothing was touched");
        }
}

static void test_times_as_text(void)
{
        static const struct {
                uint64_t nsec;
                const char *text;
        } rows[] = {
                { 0, "1970-01-01T00:00:00Z" },
                { 1, "1970-01-01T00:00:00.000000001Z" },
                { S / 2, "1970-01-01T00:00:00.5Z" },
                { S, "1970-01-01T00:00:01Z" },
                { 10 * S + 120000000, "1970-01-01T00:00:10.12Z" },
                { UINT64_C(1795302833) * S + 860408609, "2026-11-21T23:13:53.860408609Z" },
                { UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char text[TIMESTAMP_SIZE];

                timestamp_format(rows[i].nsec, text);
                tap_eq_str(text, rows[i].text, "%s", rows[i].text);
        }
}

static void test_a_time_comes_back_as_it_was(void)
{
        uint64_t nsec = 1, n_wrong = 0;

        for (int i = 0; i < 20000; i++) {
                char text[TIMESTAMP_SIZE];
                uint64_t again = 0;

                nsec = nsec * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                timestamp_format(nsec, text);
                n_wrong += timestamp_parse(text, &again) != 0 || again != nsec;
        }
        tap_eq_u64(n_wrong, 0, "20000 times, to the nanosecond");
}

static void test_now_is_now(void)
{
        uint64_t before = (uint64_t)time(NULL), now = timestamp_now(), after = timestamp_now();

        tap_ok(now / S + 1 >= before && now / S <= before + 60, "the clock is the wall's");
        tap_ok(after >= now, "and goes on");
}

int main(void)
{
        test_times_that_are();
        test_times_that_cannot_be();
        test_times_as_text();
        test_a_time_comes_back_as_it_was();
        test_now_is_now();
        return tap_done();
}
