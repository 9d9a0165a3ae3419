/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The digits of the largest number, and its NUL. */
#define DIGITS_SIZE 21

int parse_u64(const char *string, uint64_t *ret)
{
        uint64_t value = 0;

        if (*string == '\0')
                return -EINVAL;

        for (const char *p = string; *p; p++) {
                if (*p < '0' || *p > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
                        return -ERANGE;
        }

        *ret = value;
        return 0;
}

int parse_u32(const char *string, uint32_t *ret)
{
        uint64_t value;
        int r;

        r = parse_u64(string, &value);
        if (r < 0)
                return r;
        if (value > UINT32_MAX)
                return -ERANGE;

        *ret = (uint32_t)value;
        return 0;
}

int parse_i32(const char *string, int32_t *ret)
{
        int negative = *string == '-';
        uint64_t value;
        int r;

        r = parse_u64(string + negative, &value);
        if (r < 0)
                return r;
        if (value > (uint64_t)INT32_MAX + (uint64_t)negative)
                return -ERANGE;

        *ret = negative ? (int32_t) - (int64_t)value : (int32_t)value;
        return 0;
}

int parse_hex64(const char *string, uint64_t *ret)
{
        uint64_t value = 0;
        size_t i;

        for (i = 0; string[i]; i++) {
                char c = string[i];
                unsigned digit;

                if (c >= '0' && c <= '9')
                        digit = (unsigned)(c - '0');
                else if (c >= 'a' && c <= 'f')
                        digit = (unsigned)(c - 'a') + 10;
                else
                        return -EINVAL;
                if (i >= 16)
                        return -EINVAL;
                value = value << 4 | digit;
        }
        if (i != 16)
                return -EINVAL;

        *ret = value;
        return 0;
}

/* The number that a text of that length is. */
static int parse_digits(const char *text, size_t length, uint64_t *ret)
{
        char digits[DIGITS_SIZE];

        if (length >= sizeof(digits))
                return strspn(text, "0123456789") >= length ? -ERANGE : -EINVAL;
        memcpy(digits, text, length);
        digits[length] = '\0';
        return parse_u64(digits, ret);
}

int parse_size(const char *string, uint64_t *ret)
{
        static const char units[] = "KMGT";
        size_t length = strlen(string);
        const char *unit = NULL;
        uint64_t size;
        int r;

        if (length > 0)
                unit = memchr(units, string[length - 1], sizeof(units) - 1);
        r = parse_digits(string, unit ? length - 1 : length, &size);
        if (r < 0)
                return r;
        for (const char *p = units; unit && p <= unit; p++)
                if (__builtin_mul_overflow(size, 1024, &size))
                        return -ERANGE;

        *ret = size;
        return 0;
}

#define USEC_PER_SEC UINT64_C(1000000)
#define HOUR         (3600 * USEC_PER_SEC)
#define DAY          (24 * HOUR)

static const struct {
        const char *name;
        uint64_t usec;
} time_units[] = {
        { "", USEC_PER_SEC },
        { "us", 1 },
        { "usec", 1 },
        { "ms", 1000 },
        { "msec", 1000 },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "minute", 60 * USEC_PER_SEC },
        { "minutes", 60 * USEC_PER_SEC },
        { "h", HOUR },
        { "hr", HOUR },
        { "hour", HOUR },
        { "hours", HOUR },
        { "d", DAY },
        { "day", DAY },
        { "days", DAY },
        { "w", 7 * DAY },
        { "week", 7 * DAY },
        { "weeks", 7 * DAY },
        /* 30.44 and 365.25 days. */
        { "M", 2629800 * USEC_PER_SEC },
        { "month", 2629800 * USEC_PER_SEC },
        { "months", 2629800 * USEC_PER_SEC },
        { "y", 31557600 * USEC_PER_SEC },
        { "year", 31557600 * USEC_PER_SEC },
        { "years", 31557600 * USEC_PER_SEC },
};

static int parse_time_unit(const char *name, size_t length, uint64_t *ret)
{
        for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++)
                if (strlen(time_units[i].name) == length &&
                    memcmp(time_units[i].name, name, length) == 0) {
                        *ret = time_units[i].usec;
                        return 0;
                }

        return -EINVAL;
}

int parse_timespan(const char *string, uint64_t *ret_usec)
{
        const char *p = string + strspn(string, " ");
        uint64_t sum = 0;

        do {
                size_t digits = strspn(p, "0123456789"), letters;
                uint64_t number, unit;
                const char *name;
                int r;

                r = parse_digits(p, digits, &number);
                if (r < 0)
                        return r;
                name = p + digits + strspn(p + digits, " ");
                letters = strcspn(name, " 0123456789");
                r = parse_time_unit(name, letters, &unit);
                if (r < 0)
                        return r;
                if (__builtin_mul_overflow(number, unit, &number) ||
                    __builtin_add_overflow(sum, number, &sum))
                        return -ERANGE;
                p = name + letters + strspn(name + letters, " ");
        } while (*p);

        *ret_usec = sum;
        return 0;
}
