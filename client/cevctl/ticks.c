/* SPDX-License-Identifier: Apache-2.0 */
#include "ticks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define SEC_PER_DAY   86400

/* Between the end of a label and the next tick. */
#define TICK_GAP 2

typedef enum Unit {
        MILLISECOND,
        SECOND,
        MINUTE,
        HOUR,
        DAY,
        MONTH,
        YEAR,
} Unit;

/* The distances that people count in. */
static const struct {
        Unit unit;
        int n;
        uint64_t nsec; /* about */
        size_t width;  /* of the longest label */
} steps[] = {
        { MILLISECOND, 1, NSEC_PER_MSEC, 12 },
        { MILLISECOND, 10, 10 * NSEC_PER_MSEC, 12 },
        { MILLISECOND, 100, 100 * NSEC_PER_MSEC, 12 },
        { SECOND, 1, NSEC_PER_SEC, 8 },
        { SECOND, 5, 5 * NSEC_PER_SEC, 8 },
        { SECOND, 10, 10 * NSEC_PER_SEC, 8 },
        { SECOND, 30, 30 * NSEC_PER_SEC, 8 },
        { MINUTE, 1, 60 * NSEC_PER_SEC, 6 },
        { MINUTE, 5, 300 * NSEC_PER_SEC, 6 },
        { MINUTE, 10, 600 * NSEC_PER_SEC, 6 },
        { MINUTE, 30, 1800 * NSEC_PER_SEC, 6 },
        { HOUR, 1, 3600 * NSEC_PER_SEC, 6 },
        { HOUR, 2, 7200 * NSEC_PER_SEC, 6 },
        { HOUR, 3, 10800 * NSEC_PER_SEC, 6 },
        { HOUR, 6, 21600 * NSEC_PER_SEC, 6 },
        { HOUR, 12, 43200 * NSEC_PER_SEC, 6 },
        { DAY, 1, SEC_PER_DAY *NSEC_PER_SEC, 6 },
        { DAY, 2, 2 * SEC_PER_DAY *NSEC_PER_SEC, 6 },
        { DAY, 5, 5 * SEC_PER_DAY *NSEC_PER_SEC, 6 },
        { DAY, 10, 10 * SEC_PER_DAY *NSEC_PER_SEC, 6 },
        { MONTH, 1, 31 * SEC_PER_DAY *NSEC_PER_SEC, 8 },
        { MONTH, 3, 92 * SEC_PER_DAY *NSEC_PER_SEC, 8 },
        { MONTH, 6, 184 * SEC_PER_DAY *NSEC_PER_SEC, 8 },
        { YEAR, 1, 366 * SEC_PER_DAY *NSEC_PER_SEC, 4 },
        { YEAR, 5, UINT64_C(1830) * SEC_PER_DAY *NSEC_PER_SEC, 4 },
        { YEAR, 20, UINT64_C(7320) * SEC_PER_DAY *NSEC_PER_SEC, 4 },
        { YEAR, 100, UINT64_C(36600) * SEC_PER_DAY *NSEC_PER_SEC, 4 },
};

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* The closest ticks whose labels do not touch. */
static size_t choose_step(const Scale *s)
{
        uint64_t length = s->until_nsec - s->since_nsec;
        size_t i = 0;

        while (i + 1 < N_STEPS && (unsigned __int128)steps[i].nsec * s->n_columns <
                                          (unsigned __int128)(steps[i].width + TICK_GAP) * length)
                i++;
        return i;
}

/* Days of the month that are round for a step of n of them: 1, 11, 21, but not 31. */
static bool is_round_day(const struct tm *tm, int n)
{
        return n == 1 || ((tm->tm_mday - 1) % n == 0 && tm->tm_mday < 30);
}

/* The last round time that is not later. */
static void round_down(struct tm *tm, Unit unit, int n)
{
        if (unit == SECOND)
                tm->tm_sec -= tm->tm_sec % n;
        if (unit > SECOND)
                tm->tm_sec = 0;
        if (unit == MINUTE)
                tm->tm_min -= tm->tm_min % n;
        if (unit > MINUTE)
                tm->tm_min = 0;
        if (unit == HOUR)
                tm->tm_hour -= tm->tm_hour % n;
        if (unit > HOUR)
                tm->tm_hour = 0;
        if (unit > DAY)
                tm->tm_mday = 1;
        if (unit == MONTH)
                tm->tm_mon -= tm->tm_mon % n;
        if (unit > MONTH)
                tm->tm_mon = 0;
        if (unit == YEAR)
                tm->tm_year -= (tm->tm_year + 1900) % n;
}

static void step_on(struct tm *tm, Unit unit, int n)
{
        if (unit == SECOND)
                tm->tm_sec += n;
        else if (unit == MINUTE)
                tm->tm_min += n;
        else if (unit == HOUR)
                tm->tm_hour += n;
        else if (unit == DAY)
                tm->tm_mday += 1; /* those that are not round are left out */
        else if (unit == MONTH)
                tm->tm_mon += n;
        else
                tm->tm_year += n;
        tm->tm_isdst = -1;
}

static void make_label(char label[static TICK_SIZE], const struct tm *tm, Unit unit, unsigned msec)
{
        bool midnight = tm->tm_hour == 0 && tm->tm_min == 0 && tm->tm_sec == 0;
        size_t n;

        if (unit == MILLISECOND) {
                n = strftime(label, TICK_SIZE, "%H:%M:%S", tm);
                snprintf(label + n, TICK_SIZE - n, ".%03u", msec % 1000);
        } else if (unit == YEAR) {
                strftime(label, TICK_SIZE, "%Y", tm);
        } else if (unit == MONTH) {
                strftime(label, TICK_SIZE, "%b %Y", tm);
        } else if (unit == DAY || midnight) {
                strftime(label, TICK_SIZE, "%b %e", tm);
        } else {
                strftime(label, TICK_SIZE, unit == SECOND ? "%H:%M:%S" : "%H:%M", tm);
        }
}

typedef struct Ticks {
        const Scale *scale;
        Tick *list; /* owned */
        size_t n, n_max;
} Ticks;

static void add_tick(Ticks *t, uint64_t nsec, const struct tm *tm, Unit unit)
{
        Tick *tick = &t->list[t->n];
        size_t column;

        if (nsec < t->scale->since_nsec || nsec >= t->scale->until_nsec || t->n >= t->n_max)
                return;
        column = scale_column(t->scale, nsec);
        /* Months and clocks that change are not as long as others. */
        if (t->n > 0 && column <= tick[-1].column + 1 + strlen(tick[-1].label))
                return;
        tick->column = column;
        make_label(tick->label, tm, unit, (unsigned)(nsec / NSEC_PER_MSEC % 1000));
        t->n++;
}

static void add_milliseconds(Ticks *t, uint64_t step_nsec)
{
        uint64_t first = t->scale->since_nsec - t->scale->since_nsec % step_nsec;

        for (uint64_t nsec = first; nsec < t->scale->until_nsec; nsec += step_nsec) {
                time_t sec = (time_t)(nsec / NSEC_PER_SEC);
                struct tm tm;

                if (localtime_r(&sec, &tm))
                        add_tick(t, nsec, &tm, MILLISECOND);
        }
}

static void add_round_times(Ticks *t, Unit unit, int n)
{
        time_t sec = (time_t)(t->scale->since_nsec / NSEC_PER_SEC), last = -1;
        time_t end = (time_t)(t->scale->until_nsec / NSEC_PER_SEC) + 1;
        struct tm tm;

        if (!localtime_r(&sec, &tm))
                return;
        round_down(&tm, unit, n);
        tm.tm_isdst = -1;
        for (;;) {
                struct tm shown = tm;

                sec = mktime(&shown);
                if (sec == (time_t)-1 || sec >= end)
                        return;
                /* Where the clock is set back an hour comes twice; and what lies in the hour that
                 * it leaves out is another time than asked for. */
                if (sec > last && (unit < DAY || is_round_day(&shown, n) || unit > DAY))
                        add_tick(t, (uint64_t)sec * NSEC_PER_SEC, &shown, unit);
                last = sec > last ? sec : last;
                if (unit >= DAY)
                        tm = shown;
                step_on(&tm, unit, n);
        }
}

int ticks_new(const Scale *scale, Tick **ret, size_t *ret_n)
{
        size_t step = choose_step(scale);
        Ticks t = { .scale = scale, .n_max = scale->n_columns / 3 + 2 };

        t.list = calloc(t.n_max, sizeof(Tick));
        if (!t.list)
                return -ENOMEM;
        if (steps[step].unit == MILLISECOND)
                add_milliseconds(&t, steps[step].nsec);
        else
                add_round_times(&t, steps[step].unit, steps[step].n);

        *ret = t.list;
        *ret_n = t.n;
        return 0;
}

void scale_describe_column(const Scale *scale, char text[static TICK_SIZE])
{
        static const struct {
                const char *name;
                uint64_t nsec;
        } units[] = {
                { "d", SEC_PER_DAY * NSEC_PER_SEC },
                { "h", 3600 * NSEC_PER_SEC },
                { "min", 60 * NSEC_PER_SEC },
                { "s", NSEC_PER_SEC },
                { "ms", NSEC_PER_MSEC },
                { "us", 1000 },
                { "ns", 1 },
        };
        uint64_t nsec = (scale->until_nsec - scale->since_nsec) / scale->n_columns;
        size_t i = 0;

        while (units[i].nsec > 1 && nsec < units[i].nsec)
                i++;
        uint64_t tenths = (nsec * 10 + units[i].nsec / 2) / units[i].nsec;
        if (tenths < 100 && tenths % 10 != 0)
                snprintf(text, TICK_SIZE, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
                         units[i].name);
        else
                snprintf(text, TICK_SIZE, "%" PRIu64 " %s", (tenths + 5) / 10, units[i].name);
}
