/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "ticks.h"

#define SEC  UINT64_C(1000000000)
#define HOUR (3600 * SEC)
#define DAY  (24 * HOUR)
/* 2026-11-22 12:00:00 UTC */
#define NOON (UINT64_C(1795348800) * SEC)

/* The ticks as a line, as they would be printed. */
static void check(uint64_t since, uint64_t until, size_t n_columns, const char *want)
{
        Scale scale = { .since_nsec = since, .until_nsec = until, .n_columns = n_columns };
        char text[512] = "", column[TICK_SIZE];
        Tick *ticks;
        size_t n;

        if (ticks_new(&scale, &ticks, &n) < 0)
                abort();
        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(text);

                if (ticks[i].column < length || ticks[i].column > 400) {
                        strcpy(text, "they overlap");
                        break;
                }
                sprintf(text + length, "%*s|%s", (int)(ticks[i].column - length), "",
                        ticks[i].label);
        }
        scale_describe_column(&scale, column);
        tap_eq_str(text, want, "%zu columns of %s", n_columns, column);
        free(ticks);
}

static void set_zone(const char *zone)
{
        setenv("TZ", zone, 1);
        tzset();
}

static void test_steps(void)
{
        set_zone("UTC");
        check(NOON, NOON + DAY, 48, "|12:00      |18:00      |Nov 23     |06:00");
        check(NOON, NOON + DAY, 24, "|12:00      |Nov 23");
        check(NOON, NOON + DAY, 96,
              "|12:00  |14:00  |16:00  |18:00  |20:00  |22:00  |Nov 23 |02:00  |04:00  |06:00  "
              "|08:00  |10:00");
        check(NOON + 1, NOON + HOUR, 30, "              |12:30");
        check(NOON, NOON + 60 * SEC, 40, "|12:00:00           |12:00:30");
        check(NOON, NOON + SEC / 10, 40, "|12:00:00.000");
        check(NOON, NOON + SEC, 150,
              "|12:00:00.000  |12:00:00.100  |12:00:00.200  |12:00:00.300  |12:00:00.400  "
              "|12:00:00.500  |12:00:00.600  |12:00:00.700  |12:00:00.800  |12:00:00.900");
        check(NOON, NOON + 7 * DAY, 70,
              "     |Nov 23   |Nov 24   |Nov 25   |Nov 26   |Nov 27   |Nov 28   |Nov 29");
        check(NOON, NOON + 60 * DAY, 60,
              "        |Dec  1   |Dec 11   |Dec 21    |Jan  1   |Jan 11   |Jan 21");
        check(NOON, NOON + 365 * DAY, 60,
              "      |Jan 2027      |Apr 2027      |Jul 2027      |Oct 2027");
        check(1, 100 * 366 * DAY, 60, "     |1980       |2000       |2020       |2040       |2060");
}

static void test_clocks_that_change(void)
{
        /* 2026-10-25 03:00 CEST is 02:00 CET again. */
        const uint64_t change = UINT64_C(1792890000) * SEC;

        set_zone("Europe/Berlin");
        check(change - 3 * HOUR, change + 4 * HOUR, 70,
              "|Oct 25   |01:00    |02:00              |03:00    |04:00    |05:00");
        /* 2026-03-29 02:00 CET is 03:00 CEST. */
        const uint64_t spring = UINT64_C(1774746000) * SEC;
        check(spring - 2 * HOUR, spring + 3 * HOUR, 50,
              "|Mar 29   |01:00    |03:00    |04:00    |05:00");
}

int main(void)
{
        test_steps();
        test_clocks_that_change();
        return tap_done();
}
