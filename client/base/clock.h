/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a clock shows, CLOCK_MONOTONIC or CLOCK_REALTIME, in microseconds. */

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_usec(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * UINT64_C(1000000) + (uint64_t)now.tv_nsec / 1000;
}
