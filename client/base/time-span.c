/* SPDX-License-Identifier: Apache-2.0 */
#include "time-span.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define BLANKS " \t\n\r"

#define USEC_PER_MSEC   UINT64_C(1000)
#define USEC_PER_SEC    (1000 * USEC_PER_MSEC)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)
#define USEC_PER_WEEK   (7 * USEC_PER_DAY)
#define USEC_PER_YEAR   (31557600 * USEC_PER_SEC) /* 365.25 days */
#define USEC_PER_MONTH  (USEC_PER_YEAR / 12)

/* So that a sum of two does not overflow a signed number of nanoseconds. */
#define SPAN_MAX ((uint64_t)INT64_MAX / 1000)

/* Those that a shorter one begins stand before it. */
static const struct {
        const char *name;
        uint64_t usec;
} units[] = {
        { "seconds", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "s", USEC_PER_SEC },
        { "minutes", USEC_PER_MINUTE },
        { "minute", USEC_PER_MINUTE },
        { "min", USEC_PER_MINUTE },
        { "months", USEC_PER_MONTH },
        { "month", USEC_PER_MONTH },
        { "M", USEC_PER_MONTH },
        { "msec", USEC_PER_MSEC },
        { "ms", USEC_PER_MSEC },
        { "m", USEC_PER_MINUTE },
        { "hours", USEC_PER_HOUR },
        { "hour", USEC_PER_HOUR },
        { "hr", USEC_PER_HOUR },
        { "h", USEC_PER_HOUR },
        { "days", USEC_PER_DAY },
        { "day", USEC_PER_DAY },
        { "d", USEC_PER_DAY },
        { "weeks", USEC_PER_WEEK },
        { "week", USEC_PER_WEEK },
        { "w", USEC_PER_WEEK },
        { "years", USEC_PER_YEAR },
        { "year", USEC_PER_YEAR },
        { "y", USEC_PER_YEAR },
        { "usec", 1 },
        { "us", 1 },
        { "\xc2\xb5s", 1 },
        { "\xce\xbcs", 1 },
};

static uint64_t take_unit(const char **text)
{
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                size_t length = strlen(units[i].name);

                if (strncmp(*text, units[i].name, length) == 0) {
                        *text += length;
                        return units[i].usec;
                }
        }
        return 0;
}

static int take_digits(const char **text, uint64_t *ret)
{
        uint64_t n = 0;

        for (; isdigit((unsigned char)**text); (*text)++)
                if (__builtin_mul_overflow(n, 10, &n) ||
                    __builtin_add_overflow(n, **text - '0', &n))
                        return -ERANGE;
        *ret = n;
        return 0;
}

/* "1.5h", one number and its unit, or no unit at the end of the text. */
static int take_part(const char **text, uint64_t *ret_usec)
{
        const char *p = *text, *fraction = "";
        uint64_t n, unit, usec;
        int r;

        if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
                return -EINVAL;
        r = take_digits(&p, &n);
        if (r < 0)
                return r;
        if (*p == '.') {
                fraction = ++p;
                p += strspn(p, "0123456789");
                if (p == fraction)
                        return -EINVAL;
        }
        p += strspn(p, BLANKS);
        unit = take_unit(&p);
        if (unit == 0 && *p && !isdigit((unsigned char)*p))
                return -EINVAL;
        if (unit == 0)
                unit = USEC_PER_SEC;
        if (__builtin_mul_overflow(n, unit, &usec) || usec > SPAN_MAX)
                return -ERANGE;
        for (uint64_t digit = unit / 10; isdigit((unsigned char)*fraction); digit /= 10)
                usec += (uint64_t)(*fraction++ - '0') * digit;
        *text = p;
        *ret_usec = usec;
        return 0;
}

int time_span_parse(const char *text, uint64_t *ret_usec)
{
        const char *p = text + strspn(text, BLANKS);
        uint64_t sum = 0;

        if (*p == '\0')
                return -EINVAL;
        while (*p) {
                uint64_t part;
                int r = take_part(&p, &part);

                if (r < 0)
                        return r;
                if (part > SPAN_MAX - sum)
                        return -ERANGE;
                sum += part;
                p += strspn(p, BLANKS);
        }
        *ret_usec = sum;
        return 0;
}
