/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the programs of the benchmark share: they end with a sentence when something cannot be done,
 * and they read one clock, which all processes of a machine share.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
        exit(EXIT_FAILURE);
}

/* For results that are negative errno. */
static inline int try(int r, const char *what)
{
        if (r < 0)
                die("%s: %s", what, strerror(-r));
        return r;
}

/* For pointers, and for results that are negative with errno. */
#define need(condition, what)                                                                      \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        die("%s: %m", (what));                                                     \
        } while (0)

static inline uint64_t now_nsec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static inline uint64_t number_of(const char *text)
{
        char *end;
        uint64_t number = strtoull(text, &end, 10);

        if (end == text || *end)
                die("\"%s\" is no number", text);
        return number;
}
