/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The clock by which is waited: CLOCK_MONOTONIC, which nobody sets.
 */

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
