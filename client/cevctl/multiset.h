/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How often which number was put in and not yet taken out: 16 bytes a slot, in a table that is
 * three eighths to three quarters full; while it grows, the one before is there, too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Multiset {
        struct MultisetSlot *slots; /* owned */
        size_t n_slots;             /* 0, or a power of two */
        size_t n_used;
} Multiset;

/* The numbers must be spread evenly, as hashes are. Returns -ENOMEM. */
int multiset_put(Multiset *m, uint64_t number);

/* Takes it out once, if it is in. */
bool multiset_take(Multiset *m, uint64_t number);

void multiset_done(Multiset *m);
