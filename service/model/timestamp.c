/* SPDX-License-Identifier: Apache-2.0 */
#include "model/timestamp.h"

#include <errno.h>
#include <stdbool.h>
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

/* Days in years from March on, so that a leap day is a year's last; 400 years are alike. */
#define ERA_DAYS       146097
#define DAYS_TO_1970   719468                    /* from 0000-03-01 */
#define DAYS_TO(month) ((153 * (month) + 2) / 5) /* months from March on */
#define DAY_SECONDS    86400

/* Days since 1970 (which may be negative). timegm() would look at the time zone each time. */
static int64_t days_from_civil(int year, int month, int day)
{
        int years = month > 2 ? year : year - 1, era = (years >= 0 ? years : years - 399) / 400,
            of_era = years - era * 400;

        return (int64_t)era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 +
               DAYS_TO((month + 9) % 12) + day - 1 - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
        unsigned since = (unsigned)(days + DAYS_TO_1970), era = since / ERA_DAYS,
                 of_era = since % ERA_DAYS,
                 years = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365,
                 of_year = of_era - (365 * years + years / 4 - years / 100),
                 from_march = (5 * of_year + 2) / 153;

        *day = of_year - DAYS_TO(from_march) + 1;
        *month = from_march < 10 ? from_march + 3 : from_march - 9;
        *year = era * 400 + years + (*month <= 2);
}

int timestamp_parse(const char *text, uint64_t *ret_nsec)
{
        int year, month, day, hour, minute, second, zone;
        uint64_t fraction, nsec;
        int64_t seconds;

        /* 60 is a leap second, which is the next one's beginning. */
        if (!take_number(&text, 4, 0, 9999, &year) || !take_character(&text, "-") ||
            !take_number(&text, 2, 1, 12, &month) || !take_character(&text, "-") ||
            !take_number(&text, 2, 1, 31, &day) || !take_character(&text, "Tt ") ||
            !take_number(&text, 2, 0, 23, &hour) || !take_character(&text, ":") ||
            !take_number(&text, 2, 0, 59, &minute) || !take_character(&text, ":") ||
            !take_number(&text, 2, 0, 60, &second) || !take_fraction(&text, &fraction) ||
            !take_zone(&text, &zone) || *text != '\0' || !day_exists(year, month, day))
                return -EINVAL;

        seconds = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 +
                  second - zone;

        if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NSEC_PER_SEC, &nsec) ||
            __builtin_add_overflow(nsec, fraction, &nsec))
                return -ERANGE;

        *ret_nsec = nsec;
        return 0;
}

/* As many digits, and what stands behind them; returns what is behind that. */
static char *put_number(char *p, unsigned number, int n, char behind)
{
        for (int i = n - 1; i >= 0; i--, number /= 10)
                p[i] = (char)('0' + number % 10);
        p[n] = behind;
        return p + n + 1;
}

void timestamp_format(uint64_t nsec, char text[static TIMESTAMP_SIZE])
{
        uint64_t seconds = nsec / NSEC_PER_SEC;
        unsigned fraction = (unsigned)(nsec % NSEC_PER_SEC),
                 of_day = (unsigned)(seconds % DAY_SECONDS), year, month, day;
        char *p = text;

        civil_from_days((int64_t)(seconds / DAY_SECONDS), &year, &month, &day);
        p = put_number(p, year, 4, '-');
        p = put_number(p, month, 2, '-');
        p = put_number(p, day, 2, 'T');
        p = put_number(p, of_day / 3600, 2, ':');
        p = put_number(p, of_day / 60 % 60, 2, ':');
        p = put_number(p, of_day % 60, 2, '.');
        if (fraction > 0) {
                p = put_number(p, fraction, 9, 'Z');
                while (p[-2] == '0')
                        p--;
        }
        p[-1] = 'Z';
        p[0] = '\0';
}
