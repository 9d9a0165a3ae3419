/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Heap: what is to be done first, of many. Items are embedded in what they stand for and owned by
 * that; each knows its place, so that any of them can be taken out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HeapItem {
        uint64_t key;  /* the smallest is the first; of equal ones any */
        size_t number; /* its place, from 1 on; 0: it is in no heap */
} HeapItem;

/* One that is all zeros is empty. */
typedef struct Heap {
        HeapItem **items; /* owned: the array */
        size_t n, allocated;
} Heap;

/* Forgets all items, which are not told. */
void heap_done(Heap *heap);

/* Takes an item that is in no heap. Returns -ENOMEM. */
int heap_add(Heap *heap, HeapItem *item, uint64_t key);

/* Takes one that is in no heap, too. */
void heap_remove(Heap *heap, HeapItem *item);

/* NULL if there is none. */
static inline HeapItem *heap_first(const Heap *heap)
{
        return heap->n > 0 ? heap->items[0] : NULL;
}

/* What an item is embedded in. */
#define HEAP_OF(item, type, member) ((type *)(void *)((char *)(item)-offsetof(type, member)))
