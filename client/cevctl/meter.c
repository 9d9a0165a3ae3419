/* SPDX-License-Identifier: Apache-2.0 */
#include "meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Often enough to look alive; the first time late enough that short work shows nothing. */
#define PERIOD_NSEC UINT64_C(200000000)

/* Asking for the time costs, too. */
#define PERIOD_EVENTS 64

static uint64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

void meter_start(Meter *m, const char *what)
{
        meter_clear(m);
        *m = (Meter){ .what = what, .on = isatty(STDERR_FILENO) > 0, .shown_nsec = now() };
}

static void show(Meter *m)
{
        fprintf(stderr, "\r%" PRIu64 " %s", m->n, m->what);
        m->shown = true;
}

void meter_set(Meter *m, uint64_t n)
{
        m->n = n;
        if (m->on)
                show(m);
}

void meter_add(Meter *m)
{
        uint64_t time;

        m->n++;
        if (!m->on || m->n % PERIOD_EVENTS != 0)
                return;
        time = now();
        if (time - m->shown_nsec < PERIOD_NSEC)
                return;
        show(m);
        m->shown_nsec = time;
}

void meter_clear(Meter *m)
{
        if (m->shown)
                fputs("\r\x1b[K", stderr);
        m->shown = false;
}
