/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers that look random and are the same for the same seed (splitmix64, which is public domain).
 */

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
        uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* From 0 to limit - 1. */
static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
        return (uint32_t)(((random_next(state) >> 32) * limit) >> 32);
}

/* True in so many of a thousand. */
static inline int random_permille(uint64_t *state, uint32_t permille)
{
        return random_below(state, 1000) < permille;
}

/* 64 hex digits and a NUL. */
static inline void random_id(uint64_t *state, char id[static 65])
{
        static const char DIGITS[] = "0123456789abcdef";

        for (unsigned i = 0; i < 4; i++) {
                uint64_t bits = random_next(state);

                for (unsigned j = 0; j < 16; j++, bits >>= 4)
                        id[i * 16 + j] = DIGITS[bits & 15];
        }
        id[64] = '\0';
}
