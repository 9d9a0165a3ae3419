/* SPDX-License-Identifier: Apache-2.0 */
#include "log/store-lookup.h"

#include <inttypes.h>
#include <string.h>

#include "log/segment-index.h"

/* ---- segments ---- */

static Segment *segment_with_id(Store *store, uint64_t id)
{
        for (size_t i = 0; i < store->n_segments; i++)
                if (store->segments[i].id == id)
                        return store->segments + i;
        for (size_t i = 0; i < store->n_exits; i++)
                if (store->exits[i].id == id)
                        return store->exits + i;

        return NULL;
}

void store_report_damage(Store *store, uint64_t segment_id, uint64_t offset)
{
        Segment *segment = segment_with_id(store, segment_id);
        char name[SEGMENT_NAME_SIZE];

        if (!segment || segment->damage_reported)
                return;
        segment->damage_reported = true;
        segment_name(segment, name);
        store_report(store, "\"%s\" is damaged at byte %" PRIu64 ": such lines are left out.", name,
                     offset);
}

uint64_t store_total_size(const Store *store)
{
        uint64_t size = store_size(store);

        for (size_t i = 0; i < store->n_exits; i++)
                size += store->exits[i].size;
        return size;
}

uint64_t store_size(const Store *store)
{
        uint64_t size = 0;

        for (size_t i = 0; i < store->n_segments; i++)
                size += store->segments[i].size;
        return size;
}

/* The number of segments that start at or before a number. */
static size_t count_up_to(const Store *store, uint64_t seq)
{
        size_t low = 0, high = store->n_segments;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (store->segments[middle].first_seq <= seq)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const Segment *store_segment_of(const Store *store, uint64_t seq)
{
        size_t n = count_up_to(store, seq);

        if (store->n_segments == 0)
                return NULL;
        return store->segments + n - (n > 0);
}

const Segment *store_segment_after(const Store *store, uint64_t first_seq)
{
        size_t n = count_up_to(store, first_seq);

        return n < store->n_segments ? store->segments + n : NULL;
}

/* ---- indexes ---- */

Index store_index(Store *store, const Segment *segment)
{
        Segment *ours = segment_with_id(store, segment->id);

        if (!ours)
                return (Index){};
        return segment_index_get(ours->index, store->directory_fd, ours, store->epoch);
}

void store_discard_index(Store *store, const Segment *segment)
{
        Segment *ours = segment_with_id(store, segment->id);
        char name[SEGMENT_NAME_SIZE];

        if (!ours)
                return;
        segment_index_name(ours, name);
        store_report(store, "The index \"%s\" is damaged, and is made again.", name);
        segment_index_discard(ours->index, store->directory_fd, ours);
}

/* Returns 1 if there is more to do. */
static int tend_segments(Store *store, Segment *segments, size_t n)
{
        for (size_t i = n; i-- > 0;) {
                char name[SEGMENT_NAME_SIZE];
                int r;

                r = segment_index_step(segments[i].index, store->directory_fd, segments + i,
                                       store->epoch);
                if (r > 0)
                        return 1;
                if (r < 0) {
                        segment_name(segments + i, name);
                        store_report(store,
                                     "\"%s\" has no index (%s): it is read through when asked.",
                                     name, strerror(-r));
                }
        }
        return 0;
}

bool store_give_up_index(Store *store)
{
        for (size_t i = 0; i < store->n_segments; i++) {
                SegmentIndex *index = store->segments[i].index;

                if (!index->file)
                        continue;
                segment_index_discard(index, store->directory_fd, store->segments + i);
                index->hopeless = true;
                return true;
        }
        return false;
}

int store_tend(Store *store)
{
        if (tend_segments(store, store->segments, store->n_segments) > 0)
                return 1;
        if (tend_segments(store, store->exits, store->n_exits) > 0)
                return 1;
        return key_filters_tend(&store->filters, store->directory_fd, store->epoch, store->segments,
                                store->n_segments);
}

/* Whether a filter rules the segment out; *ret_end is where its range ends. */
static bool is_ruled_out(Store *store, const Segment *segment, const IndexPlan *plan,
                         uint64_t *passed, uint64_t *ret_end)
{
        const Segment *next = store_segment_after(store, segment->first_seq);
        const KeyFilter *filter;
        int r;

        if (!next || *passed >= next->first_seq)
                return false;
        filter = key_filters_covering(&store->filters, segment->first_seq, next->first_seq);
        if (!filter)
                return false;
        r = key_filter_may_match(filter, plan);
        if (r < 0) {
                key_filters_discard(&store->filters, store->directory_fd, filter);
                return false;
        }

        *ret_end = key_filter_end_seq(filter);
        if (r > 0)
                *passed = *ret_end;
        return r == 0;
}

const Segment *store_segment_for(Store *store, uint64_t first_seq, const IndexPlan *plan,
                                 uint64_t *passed)
{
        const Segment *next = store_segment_after(store, first_seq);
        uint64_t end;

        while (next && plan->n_clauses > 0 && is_ruled_out(store, next, plan, passed, &end))
                next = store_segment_after(store, end - 1);
        return next;
}
