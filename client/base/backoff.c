/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"

#include <stdint.h>
#include <time.h>

#define FIRST_USEC   UINT64_C(100000)
#define LONGEST_USEC UINT64_C(10000000)

int backoff_rest(Backoff *b, sd_event *loop, sd_event_time_handler_t handler, void *userdata)
{
        uint64_t usec = FIRST_USEC;

        for (unsigned i = 0; i < b->n_rests && usec < LONGEST_USEC; i++)
                usec *= 2;
        if (usec > LONGEST_USEC)
                usec = LONGEST_USEC;
        b->n_rests++;

        backoff_stop(b);
        return sd_event_add_time_relative(loop, &b->timer, CLOCK_MONOTONIC, usec, 0, handler,
                                          userdata);
}

void backoff_stop(Backoff *b)
{
        b->timer = sd_event_source_disable_unref(b->timer);
}

void backoff_reset(Backoff *b)
{
        backoff_stop(b);
        b->n_rests = 0;
}
