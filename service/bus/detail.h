/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The details of an event that have a place in EventFields: a string that may be NULL, a flag that
 * may be false, or a number with a flag that says whether there is one. One table serves writing
 * and reading.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct Detail {
        const char *key;
        const char *signature;
        size_t value; /* offset in EventFields */
        size_t has;   /* offset of a number's flag */
        bool engine;  /* an engine may say it, and so may a caller of Emit */
} Detail;

#define DETAILS_MAX 16

extern const Detail known_details[DETAILS_MAX];

/* NULL for one that has no place. */
const Detail *detail_find(const char *key);
