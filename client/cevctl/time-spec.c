/* SPDX-License-Identifier: Apache-2.0 */
#include "time-spec.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC INT64_C(1000000000)

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Exactly n digits. */
static bool read_digits(const char **p, unsigned n, int *ret)
{
        int value = 0;

        for (unsigned i = 0; i < n; i++) {
                if (!is_digit((*p)[i]))
                        return false;
                value = value * 10 + ((*p)[i] - '0');
        }
        *p += n;
        *ret = value;
        return true;
}

/* Any number of digits, as nanoseconds of a second; digits after the ninth do not count. */
static int64_t read_fraction(const char **p)
{
        int64_t nsec = 0, unit = NSEC_PER_SEC / 10;

        for (; is_digit(**p); (*p)++) {
                nsec += (**p - '0') * unit;
                unit /= 10;
        }
        return nsec;
}

static int join(int64_t sec, int64_t nsec, int64_t *ret)
{
        int64_t value;

        /* Through a wider type: the very first second that fits has a product that does not. */
        __int128 wide = (__int128)sec * NSEC_PER_SEC + nsec;
        value = (int64_t)wide;
        if (value != wide)
                return -ERANGE;
        *ret = value;
        return 0;
}

static bool same_clock(const struct tm *a, const struct tm *b)
{
        return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday &&
               a->tm_hour == b->tm_hour && a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

/* Local time. Of an hour that comes twice (the clock is set back) the first is meant; one that
 * never comes (it is set ahead) is what mktime() makes of it. */
static int from_local(const struct tm *given, int64_t *ret_sec)
{
        struct tm tm = *given, earlier;
        time_t t, before;

        tm.tm_isdst = -1;
        tm.tm_wday = -1; /* mktime() fills it in, so this tells -1 the time from -1 the error */
        t = mktime(&tm);
        if (t == (time_t)-1 && tm.tm_wday < 0)
                return -ERANGE;

        before = t - 3600;
        if (localtime_r(&before, &earlier) && same_clock(&earlier, given))
                t = before;

        *ret_sec = t;
        return 0;
}

static bool is_day(const struct tm *tm)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        int year = tm->tm_year + 1900;
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        if (tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1)
                return false;
        return tm->tm_mday <= days[tm->tm_mon] + (leap && tm->tm_mon == 1);
}

/* HH, HH:MM, HH:MM:SS or HH:MM:SS.fraction, with a comma for the point if need be. */
static bool read_clock(const char **p, struct tm *tm, int64_t *ret_nsec)
{
        if (!read_digits(p, 2, &tm->tm_hour) || tm->tm_hour > 23)
                return false;
        if (**p != ':')
                return true;
        (*p)++;
        if (!read_digits(p, 2, &tm->tm_min) || tm->tm_min > 59)
                return false;
        if (**p != ':')
                return true;
        (*p)++;
        if (!read_digits(p, 2, &tm->tm_sec) || tm->tm_sec > 59)
                return false;
        if (**p != '.' && **p != ',')
                return true;
        (*p)++;
        if (!is_digit(**p))
                return false;
        *ret_nsec = read_fraction(p);
        return true;
}

/* Z, +02:00 or +0200; ret_given says whether there was one. */
static bool read_zone(const char **p, bool *ret_given, int *ret_east_sec)
{
        int hours, minutes, sign;

        *ret_given = true;
        *ret_east_sec = 0;
        if (**p == 'Z' || **p == 'z') {
                (*p)++;
                return true;
        }
        if (**p != '+' && **p != '-') {
                *ret_given = false;
                return true;
        }
        sign = **p == '-' ? -1 : 1;
        (*p)++;
        if (!read_digits(p, 2, &hours) || hours > 23)
                return false;
        if (**p == ':')
                (*p)++;
        if (!read_digits(p, 2, &minutes) || minutes > 59)
                return false;
        *ret_east_sec = sign * (hours * 3600 + minutes * 60);
        return true;
}

static int parse_calendar(const char *text, int64_t *ret_nsec)
{
        const char *p = text;
        struct tm tm = {};
        int64_t sec, nsec = 0;
        bool zoned;
        int east, r;

        if (!read_digits(&p, 4, &tm.tm_year) || *p++ != '-' || !read_digits(&p, 2, &tm.tm_mon) ||
            *p++ != '-' || !read_digits(&p, 2, &tm.tm_mday))
                return -EINVAL;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        if (!is_day(&tm))
                return -EINVAL;

        if (*p == 'T' || *p == 't' || *p == ' ') {
                p++;
                if (!read_clock(&p, &tm, &nsec))
                        return -EINVAL;
        }
        if (!read_zone(&p, &zoned, &east) || *p)
                return -EINVAL;

        if (zoned) {
                sec = timegm(&tm) - east;
        } else {
                r = from_local(&tm, &sec);
                if (r < 0)
                        return r;
        }
        return join(sec, nsec, ret_nsec);
}

/* The start of the day that many days from today, in local time. */
static int parse_day(int days, int64_t now_nsec, int64_t *ret_nsec)
{
        time_t now = (time_t)(now_nsec / NSEC_PER_SEC);
        struct tm tm;
        int64_t sec;
        int r;

        if (!localtime_r(&now, &tm))
                return -ERANGE;
        struct tm day = { .tm_year = tm.tm_year,
                          .tm_mon = tm.tm_mon,
                          .tm_mday = tm.tm_mday + days };

        /* timegm() only to carry over into the next month or year. */
        (void)timegm(&day);
        r = from_local(&day, &sec);
        if (r < 0)
                return r;
        return join(sec, 0, ret_nsec);
}

static int parse_word(const char *text, int64_t now_nsec, int64_t *ret_nsec)
{
        if (strcmp(text, "now") == 0) {
                *ret_nsec = now_nsec;
                return 0;
        }
        if (strcmp(text, "today") == 0)
                return parse_day(0, now_nsec, ret_nsec);
        if (strcmp(text, "yesterday") == 0)
                return parse_day(-1, now_nsec, ret_nsec);
        if (strcmp(text, "tomorrow") == 0)
                return parse_day(1, now_nsec, ret_nsec);
        return -EINVAL;
}

/* Digits before the point. What does not fit is -ERANGE, but all digits are read: whether the
 * form is right must not depend on the size. */
static int read_whole(const char **p, int64_t *ret)
{
        int64_t value = 0;
        bool fits = true;

        for (; is_digit(**p); (*p)++)
                fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
                       !__builtin_add_overflow(value, **p - '0', &value);
        *ret = value;
        return fits ? 0 : -ERANGE;
}

/* Seconds since 1970: 1767225600, -1, 1767225600.25 */
static int parse_unix(const char *text, int64_t *ret_nsec)
{
        const char *p = text;
        bool negative = *p == '-';
        int64_t sec, nsec = 0;
        int r;

        if (*p == '-' || *p == '+')
                p++;
        if (!is_digit(*p))
                return -EINVAL;
        r = read_whole(&p, &sec);
        if (*p == '.') {
                p++;
                nsec = read_fraction(&p);
        }
        if (*p)
                return -EINVAL;
        if (r < 0)
                return r;
        return negative ? join(-sec, -nsec, ret_nsec) : join(sec, nsec, ret_nsec);
}

static bool read_unit(const char **p, int64_t *ret_nsec)
{
        static const struct {
                const char *name;
                int64_t nsec;
        } units[] = {
                /* A unit that begins another one comes after it. */
                { "ns", 1 },
                { "us", 1000 },
                { "\xc2\xb5s", 1000 }, /* micro sign */
                { "\xce\xbcs", 1000 }, /* Greek mu */
                { "ms", 1000000 },
                { "s", NSEC_PER_SEC },
                { "m", 60 * NSEC_PER_SEC },
                { "h", 3600 * NSEC_PER_SEC },
                { "d", 24 * 3600 * NSEC_PER_SEC },
                { "w", 7 * 24 * 3600 * NSEC_PER_SEC },
        };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                size_t n = strlen(units[i].name);

                if (strncmp(*p, units[i].name, n) == 0) {
                        *p += n;
                        *ret_nsec = units[i].nsec;
                        return true;
                }
        }
        return false;
}

/* One piece of a duration, as "1.5h". Its nanoseconds fit, or it is -ERANGE. */
static int read_piece(const char **p, int64_t *ret_nsec)
{
        bool digits = is_digit(**p);
        int64_t whole, fraction = 0, unit;
        int r;

        r = read_whole(p, &whole);
        if (**p == '.') {
                (*p)++;
                digits = digits || is_digit(**p);
                fraction = read_fraction(p);
        }
        if (!digits || !read_unit(p, &unit))
                return -EINVAL;
        if (r < 0)
                return r;

        __int128 wide = (__int128)whole * unit + (__int128)fraction * unit / NSEC_PER_SEC;
        *ret_nsec = (int64_t)wide;
        return *ret_nsec == wide ? 0 : -ERANGE;
}

/* A duration, as Go writes it, and with days and weeks: 10m, 1h30m, 1.5h, -5m, 2w3d */
static int parse_duration(const char *text, int64_t *ret_nsec)
{
        const char *p = text;
        bool negative = *p == '-', fits = true;
        int64_t total = 0, piece;

        if (*p == '-' || *p == '+')
                p++;
        do {
                int r = read_piece(&p, &piece);

                if (r == -EINVAL)
                        return r;
                fits = fits && r >= 0 && !__builtin_add_overflow(total, piece, &total);
        } while (*p);

        if (!fits)
                return -ERANGE;
        *ret_nsec = negative ? -total : total;
        return 0;
}

int time_spec_parse(const char *text, TimeDirection direction, int64_t now_nsec, int64_t *ret_nsec)
{
        int64_t duration, result;
        int r;

        r = parse_word(text, now_nsec, ret_nsec);
        if (r != -EINVAL)
                return r;
        r = parse_calendar(text, ret_nsec);
        if (r != -EINVAL)
                return r;
        r = parse_unix(text, ret_nsec);
        if (r != -EINVAL)
                return r;

        r = parse_duration(text, &duration);
        if (r < 0)
                return r;
        if (direction == TIME_BACK ? __builtin_sub_overflow(now_nsec, duration, &result)
                                   : __builtin_add_overflow(now_nsec, duration, &result))
                return -ERANGE;
        *ret_nsec = result;
        return 0;
}

int duration_parse(const char *text, uint64_t *ret_usec)
{
        int64_t nsec;
        int r;

        /* "-0" is nothing that anybody means. */
        if (*text == '-')
                return -EINVAL;
        r = parse_unix(text, &nsec);
        if (r == -EINVAL)
                r = parse_duration(text, &nsec);
        if (r < 0)
                return r;
        *ret_usec = ((uint64_t)nsec + 999) / 1000;
        return 0;
}

uint64_t time_now_nsec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * (uint64_t)NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}
