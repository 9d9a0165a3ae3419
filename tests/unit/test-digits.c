/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digits.h"
#include "tap.h"

static void test_a_number_comes_back(void)
{
        static const struct {
                uint64_t number;
                const char *text;
        } rows[] = {
                { 0, "A" },
                { 1, "B" },
                { 62, "-" },
                { 63, "_" },
                { 64, "BA" },
                { UINT64_C(0xffffffffffff), "________" },
                { UINT64_MAX, "P__________" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char text[DIGITS_MAX + 1];
                uint64_t again;

                *digits_put(text, rows[i].number) = '\0';
                tap_eq_str(text, rows[i].text, "as text");
                tap_eq_int(digits_parse(text, strlen(text), true, &again), 0, "is parsed");
                tap_eq_u64(again, rows[i].number, "to what it was");
        }
}

static void test_fixed_widths(void)
{
        char text[4] = "";
        uint64_t again;

        digits_put_fixed(text, 64 * 64 * 64 + 1, 3);
        tap_eq_str(text, "AAB", "the low digits");
        tap_eq_int(digits_parse(text, 3, false, &again), 0, "are parsed");
        tap_eq_u64(again, 1, "with those in front");
        tap_eq_int(digits_parse(text, 3, true, &again), -EINVAL, "but not as a number alone");
        tap_eq_int(digits_parse("BCD", 2, true, &again), 0, "a part of a word");
        tap_eq_u64(again, 66, "is a number, too");
}

static void test_what_is_no_number(void)
{
        static const char *const texts[] = { "", "+", "A A", "a.", "Q__________", "AAAAAAAAAAAA" };
        uint64_t number = 7;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                tap_eq_int(digits_parse(texts[i], strlen(texts[i]), false, &number), -EINVAL,
                           "\"%s\"", texts[i]);
        tap_eq_int(digits_parse("A\0A", 3, false, &number), -EINVAL, "a NUL");
        tap_eq_u64(number, 7, "leaves the number alone");
}

int main(void)
{
        test_a_number_comes_back();
        test_fixed_widths();
        test_what_is_no_number();
        return tap_done();
}
