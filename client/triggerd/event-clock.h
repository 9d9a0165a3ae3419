/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The time by which a rate limit counts: when events happened, so that what is caught up with is
 * limited as it would have been then. It goes on, never back, and is not ahead of the machine's;
 * but where that is set back, it begins again.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct EventClock {
        uint64_t usec;
} EventClock;

/* When an event of that time counts; "set_back": what was counted until now says nothing. */
static inline uint64_t event_clock_tick(EventClock *c, uint64_t event_usec, uint64_t now_usec,
                                        bool *ret_set_back)
{
        *ret_set_back = now_usec < c->usec;
        if (*ret_set_back)
                c->usec = 0;
        if (event_usec > now_usec)
                event_usec = now_usec;
        if (event_usec > c->usec)
                c->usec = event_usec;
        return c->usec;
}
