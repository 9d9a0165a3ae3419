/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "tap.h"

static void test_whole_numbers(void)
{
        static const struct {
                const char *label, *text;
                int result;
                uint64_t value;
        } rows[] = {
                { "zero", "0", 0, 0 },
                { "leading zeros", "007", 0, 7 },
                { "the largest", "18446744073709551615", 0, UINT64_MAX },
                { "one more than the largest", "18446744073709551616", -ERANGE, 0 },
                { "ten times too large", "99999999999999999999", -ERANGE, 0 },
                { "nothing", "", -EINVAL, 0 },
                { "a minus", "-1", -EINVAL, 0 },
                { "a plus", "+1", -EINVAL, 0 },
                { "white space before", " 1", -EINVAL, 0 },
                { "white space behind", "1 ", -EINVAL, 0 },
                { "hexadecimal", "0x10", -EINVAL, 0 },
                { "a fraction", "1.5", -EINVAL, 0 },
                { "what comes behind the 9", "1:", -EINVAL, 0 },
                { "what comes before the 0", "1/", -EINVAL, 0 },
                { "a letter behind a number that is too large", "99999999999999999999x", -ERANGE,
                  0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t value = 4711;

                tap_eq_int(parse_u64(rows[i].text, &value), rows[i].result, "%s", rows[i].label);
                tap_eq_u64(value, rows[i].result < 0 ? 4711 : rows[i].value, "%s: the value",
                           rows[i].label);
        }
}

static void test_numbers_of_32_bits(void)
{
        static const struct {
                const char *text;
                int result;
                uint32_t value;
        } rows[] = {
                { "0", 0, 0 },
                { "4294967295", 0, UINT32_MAX },
                { "4294967296", -ERANGE, 0 },
                { "18446744073709551616", -ERANGE, 0 },
                { "-1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint32_t value = 4711;

                tap_eq_int(parse_u32(rows[i].text, &value), rows[i].result, "u32 \"%s\"",
                           rows[i].text);
                tap_eq_u64(value, rows[i].result < 0 ? 4711 : rows[i].value, "its value");
        }
}

static void test_numbers_with_a_sign(void)
{
        static const struct {
                const char *text;
                int result;
                int32_t value;
        } rows[] = {
                { "2147483647", 0, INT32_MAX },
                { "2147483648", -ERANGE, 0 },
                { "-2147483648", 0, INT32_MIN },
                { "-2147483649", -ERANGE, 0 },
                { "-1", 0, -1 },
                { "-0", 0, 0 },
                { "-", -EINVAL, 0 },
                { "--1", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "1-", -EINVAL, 0 },
                { "-99999999999999999999", -ERANGE, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int32_t value = 4711;

                tap_eq_int(parse_i32(rows[i].text, &value), rows[i].result, "i32 \"%s\"",
                           rows[i].text);
                tap_eq_int(value, rows[i].result < 0 ? 4711 : rows[i].value, "its value");
        }
}

static void test_hexadecimal_has_sixteen_digits(void)
{
        static const struct {
                const char *text;
                int result;
                uint64_t value;
        } rows[] = {
                { "0000000000000000", 0, 0 },
                { "0123456789abcdef", 0, UINT64_C(0x0123456789abcdef) },
                { "ffffffffffffffff", 0, UINT64_MAX },
                { "FFFFFFFFFFFFFFFF", -EINVAL, 0 },
                { "fffffffffffffff", -EINVAL, 0 },
                { "fffffffffffffffff", -EINVAL, 0 },
                { "ffffffffffffffgf", -EINVAL, 0 },
                { "0x23456789abcdef", -EINVAL, 0 },
                { "-123456789abcdef", -EINVAL, 0 },
                { "", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t value = 4711;

                tap_eq_int(parse_hex64(rows[i].text, &value), rows[i].result, "hex \"%s\"",
                           rows[i].text);
                tap_eq_u64(value, rows[i].result < 0 ? 4711 : rows[i].value, "its value");
        }
}

int main(void)
{
        test_whole_numbers();
        test_numbers_of_32_bits();
        test_numbers_with_a_sign();
        test_hexadecimal_has_sixteen_digits();
        return tap_done();
}
