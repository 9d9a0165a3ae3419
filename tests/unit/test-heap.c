/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"
#include "scratch.h"
#include "tap.h"

#define N 1000

typedef struct Thing {
        unsigned other;
        HeapItem item;
} Thing;

/* Numbers that look random, and are the same each time. */
static uint32_t next_number(uint32_t *state)
{
        *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
        return *state >> 8;
}

/* Takes all out; returns how many came in order. */
static unsigned drain(Heap *heap)
{
        unsigned n = 0;
        uint64_t last = 0;
        HeapItem *first;

        while ((first = heap_first(heap))) {
                n += first->key >= last;
                last = first->key;
                heap_remove(heap, first);
        }
        return n;
}

static void test_the_smallest_comes_first(void)
{
        Thing things[N] = {};
        uint32_t state = 1;
        Heap heap = {};

        tap_ok(!heap_first(&heap), "an empty heap has no first");
        for (unsigned i = 0; i < N; i++)
                must(heap_add(&heap, &things[i].item, next_number(&state) % 100) == 0);
        tap_eq_u64(drain(&heap), N, "all come, in order");
        tap_ok(!heap_first(&heap), "and then none");
        heap_done(&heap);
}

static void test_any_can_be_taken_out(void)
{
        Thing things[N] = {};
        uint32_t state = 2;
        Heap heap = {};

        for (unsigned i = 0; i < N; i++)
                must(heap_add(&heap, &things[i].item, next_number(&state)) == 0);
        for (unsigned i = 0; i < N; i += 3)
                heap_remove(&heap, &things[i].item);
        heap_remove(&heap, &things[0].item);
        tap_eq_u64(heap.n, N - (N + 2) / 3, "one that is taken out twice counts once");
        tap_eq_u64(things[3].item.number, 0, "who is out has no place");
        tap_eq_u64(drain(&heap), N - (N + 2) / 3, "the others come in order");
        heap_done(&heap);
}

static void test_an_item_knows_whose_it_is(void)
{
        Thing thing = { .other = 7 };
        Heap heap = {};

        must(heap_add(&heap, &thing.item, UINT64_MAX) == 0);
        tap_ok(HEAP_OF(heap_first(&heap), Thing, item) == &thing, "what it is embedded in");
        heap_done(&heap);
        heap_done(&heap);
        tap_ok(!heap_first(&heap), "what is done is empty");
}

int main(void)
{
        test_the_smallest_comes_first();
        test_any_can_be_taken_out();
        test_an_item_knows_whose_it_is();
        return tap_done();
}
