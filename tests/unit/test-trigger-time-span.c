/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "tap.h"
#include "time-span.h"

#define SEC UINT64_C(1000000)

/* As "systemd-analyze timespan" has them. */
static void test_good(void)
{
        static const struct {
                const char *text;
                uint64_t usec;
        } rows[] = {
                { "0", 0 },
                { "5", 5 * SEC },
                { "5s", 5 * SEC },
                { " 5 s ", 5 * SEC },
                { "5sec", 5 * SEC },
                { "5seconds", 5 * SEC },
                { "1.5", 1500000 },
                { ".5s", 500000 },
                { "1.9999999s", 1999999 },
                { "1min", 60 * SEC },
                { "2m", 120 * SEC },
                { "5minutes", 300 * SEC },
                { "1min30.5s", 90500000 },
                { "2min 200ms", 120200000 },
                { "1.5h", 5400 * SEC },
                { "1h30", 3630 * SEC },
                { "1hr", 3600 * SEC },
                { "1ms", 1000 },
                { "1msec", 1000 },
                { "100us", 100 },
                { "1\xc2\xb5s", 1 },
                { "1\xce\xbcs", 1 },
                { "1d", 86400 * SEC },
                { "1month", 2629800 * SEC },
                { "1M", 2629800 * SEC },
                { "1.25M", 3287250 * SEC },
                { "1y 2w", 32767200 * SEC },
                { "3 4", 7 * SEC },
                { "1 2 3s", 6 * SEC },
                { "10s5", 15 * SEC },
                { "00000000000000000000001s", 1 * SEC },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t usec = 1;

                tap_eq_int(time_span_parse(rows[i].text, &usec), 0, "\"%s\"", rows[i].text);
                tap_eq_u64(usec, rows[i].usec, "is that long");
        }
}

static void test_bad(void)
{
        static const struct {
                const char *text;
                int r;
        } rows[] = {
                { "", -EINVAL },
                { " ", -EINVAL },
                { "-1", -EINVAL },
                { "s", -EINVAL },
                { "5x", -EINVAL },
                { "5 x", -EINVAL },
                { "1..5", -EINVAL },
                { "1.5.5", -EINVAL },
                { "1 . 5", -EINVAL },
                { "1.s", -EINVAL },
                { "+1", -EINVAL },
                { "1,5", -EINVAL },
                { "1e3", -EINVAL },
                { "0x10", -EINVAL },
                { "five", -EINVAL },
                { "infinity", -EINVAL },
                { "500y", -ERANGE },
                { "200y 200y", -ERANGE },
                { "99999999999999999999s", -ERANGE },
                { "9999999999999999999w", -ERANGE },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t usec = 4711;

                tap_eq_int(time_span_parse(rows[i].text, &usec), rows[i].r, "\"%s\" is refused",
                           rows[i].text);
                tap_eq_u64(usec, 4711, "and nothing is given");
        }
}

int main(void)
{
        test_good();
        test_bad();
        return tap_done();
}
