/* SPDX-License-Identifier: Apache-2.0 */
#include "rfc3339.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

/* Digits stand for themselves in the form: "d" is one. Moves the text on. */
static bool take_form(const char **text, const char *form, int numbers[])
{
        const char *p = *text;
        int n = 0;

        for (; *form; form++, p++) {
                if (*form == 'd') {
                        if (*p < '0' || *p > '9')
                                return false;
                        numbers[n] = numbers[n] * 10 + (*p - '0');
                        if (form[1] != 'd')
                                n++;
                } else if (*form == 'T' ? !*p || !strchr("Tt ", *p) : *p != *form) {
                        return false;
                }
        }
        *text = p;
        return true;
}

/* Digits after the ninth do not count. */
static bool take_fraction(const char **text, uint64_t *ret)
{
        uint64_t unit = NSEC_PER_SEC / 10, value = 0;

        if (**text == '.' || **text == ',') {
                ++*text;
                if (**text < '0' || **text > '9')
                        return false;
                for (; **text >= '0' && **text <= '9'; ++*text, unit /= 10)
                        value += (uint64_t)(**text - '0') * unit;
        }
        *ret = value;
        return true;
}

/* Seconds east of UTC. */
static bool take_zone(const char **text, int64_t *ret)
{
        bool west = **text == '-';
        int numbers[2] = {};

        if (**text == 'Z' || **text == 'z') {
                ++*text;
                *ret = 0;
                return true;
        }
        if (!take_form(text, west ? "-dd:dd" : "+dd:dd", numbers) || numbers[0] > 23 ||
            numbers[1] > 59)
                return false;
        *ret = (numbers[0] * 60 + numbers[1]) * (west ? -60 : 60);
        return true;
}

int rfc3339_parse(const char *text, uint64_t *ret_nsec)
{
        int n[6] = {};
        int64_t zone, sec;
        uint64_t fraction, nsec;
        struct tm tm, given;

        if (!take_form(&text, "dddd-dd-ddTdd:dd:dd", n) || !take_fraction(&text, &fraction) ||
            !take_zone(&text, &zone) || *text)
                return -EINVAL;
        tm = given = (struct tm){
                .tm_year = n[0] - 1900,
                .tm_mon = n[1] - 1,
                .tm_mday = n[2],
                .tm_hour = n[3],
                .tm_min = n[4],
                .tm_sec = n[5],
        };
        /* 60 is a leap second, which becomes the next one. */
        if (n[3] > 23 || n[4] > 59 || n[5] > 60)
                return -EINVAL;
        given.tm_hour = given.tm_min = given.tm_sec = 0;
        (void)timegm(&given);
        if (given.tm_mon != tm.tm_mon || given.tm_mday != tm.tm_mday)
                return -EINVAL; /* no such day */

        sec = (int64_t)timegm(&tm) - zone;
        if (sec < 0 || __builtin_mul_overflow((uint64_t)sec, NSEC_PER_SEC, &nsec) ||
            __builtin_add_overflow(nsec, fraction, &nsec))
                return -ERANGE;
        *ret_nsec = nsec;
        return 0;
}
