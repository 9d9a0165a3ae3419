/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "model/cursor.h"
#include "tap.h"

#define EPOCH "0123456789abcdef0123456789abcdef"

static void test_a_cursor_comes_back_as_it_was(void)
{
        static const uint64_t seqs[] = { 0, 1, 4711, UINT64_MAX };

        for (size_t i = 0; i < ELEMENTSOF(seqs); i++) {
                Cursor cursor = { .seq = seqs[i] }, again = {};
                char text[CURSOR_SIZE], want[CURSOR_SIZE + 8];

                sd_id128_from_string(EPOCH, &cursor.epoch);
                cursor_format(&cursor, text);
                snprintf(want, sizeof(want), EPOCH ":%" PRIu64, seqs[i]);
                tap_eq_str(text, want, "%" PRIu64 " as text", seqs[i]);
                tap_eq_int(cursor_parse(text, &again), 0, "and back");
                tap_ok(sd_id128_equal(cursor.epoch, again.epoch) && again.seq == seqs[i],
                       "it is the same");
        }
}

static void test_what_is_no_cursor(void)
{
        static const struct {
                const char *label, *text;
        } rows[] = {
                { "nothing", "" },
                { "no number", EPOCH },
                { "an empty number", EPOCH ":" },
                { "a letter", EPOCH ":1x" },
                { "a sign", EPOCH ":-1" },
                { "white space", EPOCH ": 1" },
                { "white space behind", EPOCH ":1 " },
                { "a second colon", EPOCH ":1:2" },
                { "a number that is too large", EPOCH ":18446744073709551616" },
                { "a number that is too long", EPOCH ":000000000000000000000000000001" },
                { "another mark", EPOCH "-1" },
                { "an epoch that is too short", "0123456789abcdef0123456789abcde:1" },
                { "an epoch that is too long", EPOCH "0:1" },
                { "an epoch that is none", "0123456789abcdef0123456789abcdeg:1" },
                { "no epoch", ":1" },
                { "an epoch with dashes", "01234567-89ab-cdef-0123-456789abcdef:1" },
                { "an epoch that is a piece of one with dashes",
                  "01234567-89ab-cdef-0123-456789ab:1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Cursor cursor = { .seq = 4711 };

                tap_eq_int(cursor_parse(rows[i].text, &cursor), -EINVAL, "%s", rows[i].label);
                tap_eq_u64(cursor.seq, 4711, "nothing was touched");
        }
}

int main(void)
{
        test_a_cursor_comes_back_as_it_was();
        test_what_is_no_cursor();
        return tap_done();
}
