/* SPDX-License-Identifier: Apache-2.0 */
#include "model/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t timestamp_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Exactly n digits, at most "most"; moves the text on. */
static bool take_number(const char **text, int n, int least, int most, int *ret)
{
        int value = 0;

        for (int i = 0; i < n; i++) {
                char c = (*text)[i];

                if (c < '0' || c > '9')
                        return false;
                value = value * 10 + (c - '0');
        }
        if (value < least || value > most)
                return false;

        *text += n;
        *ret = value;
        return true;
}

static bool take_character(const char **text, const char *accepted)
{
        if (**text == '\0' || !strchr(accepted, **text))
                return false;

        (*text)++;
        return true;
}

/* ".123" as nanoseconds; nothing is 0, and digits past the ninth are cut. */
static bool take_fraction(const char **text, uint64_t *ret)
{
        uint64_t value = 0, unit = NSEC_PER_SEC / 10;

        if (take_character(text, ".,")) {
                if (**text < '0' || **text > '9')
                        return false;
                for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
                        value += (uint64_t)(**text - '0') * unit;
        }

        *ret = value;
        return true;
}

/* "Z" or "+02:00", as seconds east of UTC. */
static bool take_zone(const char **text, int *ret)
{
        bool west = **text == '-';
        int hours, minutes;

        if (take_character(text, "Zz")) {
                *ret = 0;
                return true;
        }
        if (!take_character(text, "+-") || !take_number(text, 2, 0, 23, &hours) ||
            !take_character(text, ":") || !take_number(text, 2, 0, 59, &minutes))
                return false;

        *ret = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
        return true;
}

static bool day_exists(int year, int month, int day)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

int timestamp_parse(const char *text, uint64_t *ret_nsec)
{
        int year, month, day, zone;
        struct tm tm = {};
        uint64_t fraction, nsec;
        int64_t seconds;

        /* 60 is a leap second; timegm() makes it the next one. */
        if (!take_number(&text, 4, 0, 9999, &year) || !take_character(&text, "-") ||
            !take_number(&text, 2, 1, 12, &month) || !take_character(&text, "-") ||
            !take_number(&text, 2, 1, 31, &day) || !take_character(&text, "Tt ") ||
            !take_number(&text, 2, 0, 23, &tm.tm_hour) || !take_character(&text, ":") ||
            !take_number(&text, 2, 0, 59, &tm.tm_min) || !take_character(&text, ":") ||
            !take_number(&text, 2, 0, 60, &tm.tm_sec) || !take_fraction(&text, &fraction) ||
            !take_zone(&text, &zone) || *text != '\0' || !day_exists(year, month, day))
                return -EINVAL;

        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        tm.tm_mday = day;
        seconds = (int64_t)timegm(&tm) - zone;

        if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NSEC_PER_SEC, &nsec) ||
            __builtin_add_overflow(nsec, fraction, &nsec))
                return -ERANGE;

        *ret_nsec = nsec;
        return 0;
}

void timestamp_format(uint64_t nsec, char text[static TIMESTAMP_SIZE])
{
        time_t seconds = (time_t)(nsec / NSEC_PER_SEC);
        unsigned fraction = (unsigned)(nsec % NSEC_PER_SEC);
        struct tm tm;
        size_t n;

        gmtime_r(&seconds, &tm);
        n = strftime(text, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
        if (fraction > 0) {
                n += (size_t)snprintf(text + n, TIMESTAMP_SIZE - n, ".%09u", fraction);
                while (text[n - 1] == '0')
                        n--;
        }
        text[n++] = 'Z';
        text[n] = '\0';
}
