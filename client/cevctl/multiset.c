/* SPDX-License-Identifier: Apache-2.0 */
#include "multiset.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

#define SLOTS_MIN 1024

/* Used once, a slot stays: the search for those behind it goes over it. */
typedef struct MultisetSlot {
        uint64_t number;
        uint32_t count;
        bool used;
} MultisetSlot;

void multiset_done(Multiset *m)
{
        free(m->slots);
        *m = (Multiset){};
}

/* The number's slot, or the free one where it belongs. There is always a free one. */
static MultisetSlot *find(const Multiset *m, uint64_t number)
{
        size_t i = number & (m->n_slots - 1);

        while (m->slots[i].used && m->slots[i].number != number)
                i = (i + 1) & (m->n_slots - 1);
        return &m->slots[i];
}

static int grow(Multiset *m)
{
        Multiset larger = { .n_slots = m->n_slots ? m->n_slots * 2 : SLOTS_MIN };

        larger.n_used = m->n_used;
        larger.slots = calloc(larger.n_slots, sizeof(MultisetSlot));
        if (!larger.slots)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_slots; i++)
                if (m->slots[i].used)
                        *find(&larger, m->slots[i].number) = m->slots[i];
        multiset_done(m);
        *m = larger;
        return 0;
}

int multiset_put(Multiset *m, uint64_t number)
{
        MultisetSlot *slot;
        int r;

        /* At most three quarters full, so that searches stay short. */
        if (m->n_used >= m->n_slots / 4 * 3) {
                r = grow(m);
                if (r < 0)
                        return r;
        }
        slot = find(m, number);
        if (slot->count == UINT32_MAX)
                return -EOVERFLOW;
        m->n_used += !slot->used;
        slot->used = true;
        slot->number = number;
        slot->count++;
        return 0;
}

bool multiset_take(Multiset *m, uint64_t number)
{
        MultisetSlot *slot = m->n_slots > 0 ? find(m, number) : NULL;

        if (!slot || slot->count == 0)
                return false;
        slot->count--;
        return true;
}
