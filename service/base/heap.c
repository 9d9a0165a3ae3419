/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

#define ITEMS_MIN 16

void heap_done(Heap *heap)
{
        free(heap->items);
        *heap = (Heap){};
}

static void put(Heap *heap, size_t i, HeapItem *item)
{
        heap->items[i] = item;
        item->number = i + 1;
}

/* Puts the item where it belongs, at "i" or above it. */
static void rise(Heap *heap, size_t i, HeapItem *item)
{
        while (i > 0 && heap->items[(i - 1) / 2]->key > item->key) {
                put(heap, i, heap->items[(i - 1) / 2]);
                i = (i - 1) / 2;
        }
        put(heap, i, item);
}

/* The same, at "i" or below it. */
static void sink(Heap *heap, size_t i, HeapItem *item)
{
        size_t child;

        while ((child = 2 * i + 1) < heap->n) {
                if (child + 1 < heap->n && heap->items[child + 1]->key < heap->items[child]->key)
                        child++;
                if (heap->items[child]->key >= item->key)
                        break;
                put(heap, i, heap->items[child]);
                i = child;
        }
        put(heap, i, item);
}

int heap_add(Heap *heap, HeapItem *item, uint64_t key)
{
        if (heap->n == heap->allocated) {
                size_t size = heap->allocated > 0 ? 2 * heap->allocated : ITEMS_MIN;
                HeapItem **items = reallocarray(heap->items, size, sizeof(HeapItem *));

                if (!items)
                        return -ENOMEM;
                heap->items = items;
                heap->allocated = size;
        }

        item->key = key;
        rise(heap, heap->n++, item);
        return 0;
}

void heap_remove(Heap *heap, HeapItem *item)
{
        size_t i = item->number - 1;
        HeapItem *last;

        if (item->number == 0)
                return;

        item->number = 0;
        last = heap->items[--heap->n];
        if (last == item)
                return;
        if (last->key < item->key)
                rise(heap, i, last);
        else
                sink(heap, i, last);
}
