/* SPDX-License-Identifier: Apache-2.0 */
#include "rate-limit.h"
#include "tap.h"

#define MINUTE UINT64_C(60000000)

static void test_no_limit(void)
{
        RateLimit r = {};
        unsigned n = 0;

        for (unsigned i = 0; i < 1000; i++)
                n += rate_limit_take(&r, i, i);
        tap_eq_int(n, 1000, "without a limit all may start");
        tap_ok(rate_limit_record_at(&r) == UINT64_MAX, "and nothing is left out");
}

static void test_a_crash_loop(void)
{
        RateLimit r = { .interval_usec = MINUTE, .burst = 5 };
        RateLimitRecord record = {};
        unsigned n = 0;

        /* 1,000 events in 10 seconds */
        for (unsigned i = 0; i < 1000; i++)
                n += rate_limit_take(&r, 100 + i * 10000, 1 + i);
        tap_eq_int(n, 5, "of a thousand events five may start");
        tap_eq_u64(rate_limit_record_at(&r), 100 + MINUTE,
                   "the others are told when the interval is over");
        tap_ok(!rate_limit_record(&r, 99 + MINUTE, &record), "not before");
        tap_ok(rate_limit_record(&r, 100 + MINUTE, &record), "but then");
        tap_eq_u64(record.left_out, 995, "how many");
        tap_eq_u64(record.first_seq, 6, "from where");
        tap_eq_u64(record.last_seq, 1000, "to where");
        tap_ok(!rate_limit_record(&r, 2 * MINUTE, &record), "and once");
        tap_ok(rate_limit_record_at(&r) == UINT64_MAX, "no record is due");
        tap_ok(rate_limit_take(&r, 100 + MINUTE, 1001), "and then another may start");
}

static void test_intervals(void)
{
        RateLimit r = { .interval_usec = MINUTE, .burst = 2 };

        tap_ok(rate_limit_take(&r, 0, 1), "the first");
        tap_ok(rate_limit_take(&r, MINUTE - 1, 2), "the second");
        tap_ok(!rate_limit_take(&r, MINUTE - 1, 3), "not a third");
        tap_ok(rate_limit_take(&r, MINUTE, 4), "a new interval");
        tap_ok(rate_limit_take(&r, 10 * MINUTE, 5), "one after a long silence");
        tap_eq_u64(r.begin_usec, 10 * MINUTE, "begins there");
        tap_ok(rate_limit_take(&r, 5, 6), "a clock that goes back begins anew");
        tap_eq_u64(r.begin_usec, 5, "from there");
}

static void test_the_end_of_time(void)
{
        RateLimit r = { .interval_usec = UINT64_MAX - 5, .burst = 1 };
        RateLimitRecord record;

        tap_ok(rate_limit_take(&r, 100, 1) && !rate_limit_take(&r, 200, 2), "one start, ever");
        tap_eq_u64(rate_limit_record_at(&r), UINT64_MAX - 1, "its record does not overflow");
        tap_ok(!rate_limit_record(&r, 300, &record), "and is not due");
}

int main(void)
{
        test_no_limit();
        test_a_crash_loop();
        test_intervals();
        test_the_end_of_time();
        return tap_done();
}
