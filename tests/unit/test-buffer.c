/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "scratch.h"
#include "tap.h"

#define _cleanup_buffer_ _cleanup_(buffer_done)

static void test_it_grows(void)
{
        _cleanup_buffer_ Buffer buffer = {};
        size_t n_wrong = 0;

        for (unsigned i = 0; i < 100000; i++)
                buffer_put(&buffer, &(char){ (char)i }, 1);
        tap_eq_int(buffer_end(&buffer, 0), 0, "byte by byte");
        tap_eq_u64(buffer.size, 100000, "all of them");
        for (unsigned i = 0; i < 100000; i++)
                n_wrong += buffer.data[i] != (char)i;
        tap_eq_u64(n_wrong, 0, "in order");
        buffer_put(&buffer, "", 0);
        tap_eq_u64(buffer.size, 100000, "nothing adds nothing");
}

static void test_numbers(void)
{
        static const struct {
                int64_t number;
                const char *text;
        } rows[] = {
                { 0, "0" },
                { 7, "7" },
                { -1, "-1" },
                { 1000000, "1000000" },
                { INT64_MAX, "9223372036854775807" },
                { INT64_MIN, "-9223372036854775808" },
        };
        _cleanup_buffer_ Buffer largest = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_buffer_ Buffer buffer = {};

                buffer_put_i64(&buffer, rows[i].number);
                buffer_put(&buffer, "", 1);
                tap_eq_str(buffer.data, rows[i].text, "%s", rows[i].text);
        }
        buffer_put_u64(&largest, UINT64_MAX);
        buffer_put(&largest, "", 1);
        tap_eq_str(largest.data, "18446744073709551615", "the largest");
}

/* What cannot be had is told at the end, and leaves what was there before. */
static void test_without_memory(void)
{
        _cleanup_buffer_ Buffer buffer = {};

        buffer_put_literal(&buffer, "before");
        must(buffer_end(&buffer, 0) == 0);
        buffer_put_literal(&buffer, "begun");
        tap_ok(!buffer_room(&buffer, SIZE_MAX), "there is no such room");
        buffer_put_u64(&buffer, 1);
        tap_eq_int(buffer_end(&buffer, 6), -ENOMEM, "it is told");
        tap_ok(buffer.size == 6 && memcmp(buffer.data, "before", 6) == 0,
               "what was there is still there");
        buffer_put_literal(&buffer, "!");
        tap_eq_int(buffer_end(&buffer, 6), 0, "and it goes on");
        tap_eq_u64(buffer.size, 7, "as if nothing had been");
}

int main(void)
{
        test_it_grows();
        test_numbers();
        test_without_memory();
        return tap_done();
}
