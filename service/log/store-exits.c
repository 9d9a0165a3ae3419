/* SPDX-License-Identifier: Apache-2.0 */
#include "log/store-exits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/exit-records.h"
#include "log/segment-index.h"

int store_exits_find(Store *store)
{
        int r;

        r = exit_records_list(store->directory_fd, store->epoch, store->report, store->userdata,
                              &store->exits, &store->n_exits);
        if (r < 0)
                return r;
        for (size_t i = 0; i < store->n_exits; i++) {
                store->exits[i].id = ++store->last_segment_id;
                store->exits[i].index = segment_index_new();
                if (!store->exits[i].index)
                        return -ENOMEM;
        }
        return 0;
}

void store_exits_forget(Store *store)
{
        while (store->n_exits > 0)
                segment_index_free(store->exits[--store->n_exits].index);
}

int store_exits_reserve(Store *store)
{
        Segment *exits;

        exits = reallocarray(store->exits, store->n_exits + 1, sizeof(Segment));
        if (!exits)
                return -ENOMEM;
        store->exits = exits;
        if (!store->spare_index)
                store->spare_index = segment_index_new();
        return store->spare_index ? 0 : -ENOMEM;
}

void store_exits_written(Store *store, const Segment *segment, bool newest_replaced)
{
        bool replaced = newest_replaced && store->n_exits > 0;
        Segment *exits = store->exits + (replaced ? store->n_exits - 1 : store->n_exits++);
        SegmentIndex *index = replaced ? exits->index : TAKE_PTR(store->spare_index);

        if (replaced)
                segment_index_discard(index, store->directory_fd, exits);
        *exits = *segment;
        exits->id = ++store->last_segment_id;
        exits->index = index;
}

int store_exits_drop_oldest(Store *store)
{
        char name[SEGMENT_NAME_SIZE];

        if (store->n_exits == 0)
                return 0;
        segment_name(store->exits, name);
        if (unlinkat(store->directory_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;

        segment_index_discard(store->exits[0].index, store->directory_fd, store->exits);
        segment_index_free(store->exits[0].index);
        store->n_exits--;
        memmove(store->exits, store->exits + 1, store->n_exits * sizeof(Segment));
        return 0;
}

const Segment *store_exits_from(const Store *store, uint64_t first_seq)
{
        for (size_t i = 0; i < store->n_exits; i++)
                if (store->exits[i].first_seq >= first_seq)
                        return store->exits + i;

        return NULL;
}
