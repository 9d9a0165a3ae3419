/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The marks of a time axis: round times of the local clock, as many as can be read in the columns
 * at hand. Pure but for the time zone.
 */

#include <stddef.h>

#include "timeline-layout.h"

/* "22 Nov 13:00" is the longest label. */
#define TICK_SIZE 24

typedef struct Tick {
        size_t column;
        char label[TICK_SIZE];
} Tick;

/* At most one in three columns. The array is the caller's to free. */
int ticks_new(const Scale *scale, Tick **ret, size_t *ret_n);

/* "2 h" or "15 min": how long a column is, rounded to what can be said shortly. */
void scale_describe_column(const Scale *scale, char text[static TICK_SIZE]);
