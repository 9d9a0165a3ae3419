/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Samples: how long something took, each time. Printed as members of a JSON object, in ns.
 */

#include "bench.h"

typedef struct Samples {
        uint64_t *values; /* owned */
        size_t n, allocated;
} Samples;

static inline void samples_add(Samples *samples, uint64_t value)
{
        if (samples->n == samples->allocated) {
                samples->allocated = samples->allocated ? samples->allocated * 2 : 1024;
                samples->values =
                        reallocarray(samples->values, samples->allocated, sizeof(uint64_t));
                need(samples->values, "memory");
        }
        samples->values[samples->n++] = value;
}

static inline int samples_compare(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

/* The value below which so many hundredths of them are; they must be sorted. */
static inline uint64_t samples_percentile(const Samples *samples, unsigned percent)
{
        return samples->n > 0 ? samples->values[(samples->n - 1) * percent / 100] : 0;
}

/* Sorts and prints them, and releases what they hold. */
static inline void samples_print(Samples *samples)
{
        if (samples->n > 0)
                qsort(samples->values, samples->n, sizeof(uint64_t), samples_compare);
        printf("\"rounds\":%zu,\"least\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64,
               samples->n, samples_percentile(samples, 0), samples_percentile(samples, 50),
               samples_percentile(samples, 99));
        free(samples->values);
        *samples = (Samples){};
}
