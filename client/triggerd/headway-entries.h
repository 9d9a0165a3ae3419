/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What headway.c and headway-text.c share. */

#include "headway.h"

/* Events that follow each other, with one fate. */
typedef struct Entry {
        uint64_t first, last;
        uint64_t token; /* 0: dealt with */
        char *cursor;   /* owned; behind the last */
        bool intended;
        Intent intent; /* for the last */
} Entry;

/* What an earlier process knew of events that we have not met yet. */
typedef struct Known {
        uint64_t first, last; /* HEADWAY_INTENDED: one */
        HeadwayKnown what;
        Intent intent;
} Known;

struct Headway {
        char *cursor;       /* owned; or NULL */
        char *history;      /* owned; that of the numbers, or NULL */
        uint64_t seq;       /* of the last event that was taken */
        uint64_t met_usec;  /* what happened before was met */
        uint64_t skip_usec; /* and was so before this history */
        RateLimit limit;
        Entry entries[HEADWAY_ENTRIES_MAX];
        unsigned n_entries;
        Known known[2 * HEADWAY_ENTRIES_MAX + 1];
        unsigned n_known;
};
