/* SPDX-License-Identifier: Apache-2.0 */
#include "log/index-memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "log/index-key.h"
#include "log/record-parser.h"

/* Half of the keys have no more postings than fit there. */
#define INLINE_SIZE 8

/* With so many records behind it, a key that is dense stays so: its postings go. */
#define GIVE_UP_RECORDS 4096

/* The size of postings that were given up. */
#define GIVEN_UP UINT32_MAX

/* There are tens of thousands of them: it is small. */
typedef struct List {
        uint32_t key;
        uint32_t count;
        uint32_t last; /* offset */
        uint32_t size; /* of bytes; they are inline as long as they fit there */
        union {
                uint8_t *bytes; /* owned; allocated_for(size) of them */
                uint8_t in[INLINE_SIZE];
        };
} List;

struct IndexMemory {
        IndexSummary summary;
        uint64_t seed;

        List *lists; /* owned */
        size_t n_lists, n_lists_allocated;

        /* Open addressing, at most three quarters full: number of a list and 1; 0 is a free place.
         */
        uint32_t *table;   /* owned */
        size_t table_size; /* a power of two */

        IndexMark *marks; /* owned */
        size_t n_marks, n_marks_allocated;

        RecordParser parser;
};

static bool is_inline(const List *list)
{
        return list->size <= INLINE_SIZE;
}

int index_memory_new(sd_id128_t epoch, IndexMemory **ret)
{
        IndexMemory *index;

        index = calloc(1, sizeof(IndexMemory));
        if (!index)
                return -ENOMEM;
        index->seed = epoch.qwords[0] ^ epoch.qwords[1];

        *ret = index;
        return 0;
}

IndexMemory *index_memory_free(IndexMemory *index)
{
        if (!index)
                return NULL;

        for (size_t i = 0; i < index->n_lists; i++)
                if (!is_inline(index->lists + i) && index->lists[i].size != GIVEN_UP)
                        free(index->lists[i].bytes);
        free(index->lists);
        free(index->table);
        free(index->marks);
        record_parser_done(&index->parser);
        free(index);
        return NULL;
}

/* Makes room for one more element. */
static int grow(void **array, size_t n, size_t *allocated, size_t element_size)
{
        size_t size = *allocated > 0 ? *allocated * 2 : 64;
        void *larger;

        if (n < *allocated)
                return 0;
        larger = reallocarray(*array, size, element_size);
        if (!larger)
                return -ENOMEM;

        *array = larger;
        *allocated = size;
        return 0;
}

/* ---- keys ---- */

/* The place of a key in the table, or the free one where it belongs. */
static size_t find_place(const IndexMemory *index, uint32_t key)
{
        size_t place = (size_t)key & (index->table_size - 1);

        while (index->table[place] > 0 && index->lists[index->table[place] - 1].key != key)
                place = (place + 1) & (index->table_size - 1);
        return place;
}

static int grow_table(IndexMemory *index)
{
        size_t size = index->table_size > 0 ? index->table_size * 2 : 1024;
        uint32_t *table;

        if (index->n_lists < index->table_size / 4 * 3)
                return 0;
        table = calloc(size, sizeof(uint32_t));
        if (!table)
                return -ENOMEM;

        free(index->table);
        index->table = table;
        index->table_size = size;
        for (size_t i = 0; i < index->n_lists; i++)
                table[find_place(index, index->lists[i].key)] = (uint32_t)(i + 1);
        return 0;
}

static int get_list(IndexMemory *index, uint32_t key, List **ret)
{
        size_t place;
        int r;

        r = grow_table(index);
        if (r < 0)
                return r;
        place = find_place(index, key);
        if (index->table[place] == 0) {
                if (index->n_lists >= UINT32_MAX - 1)
                        return -EFBIG;
                r = grow((void **)&index->lists, index->n_lists, &index->n_lists_allocated,
                         sizeof(List));
                if (r < 0)
                        return r;
                index->lists[index->n_lists++] = (List){ .key = key };
                index->table[place] = (uint32_t)index->n_lists;
        }

        *ret = index->lists + index->table[place] - 1;
        return 0;
}

/* ---- postings ---- */

static const uint8_t *list_bytes(const List *list)
{
        return is_inline(list) ? list->in : list->bytes;
}

/* By doubling, so that it need not be kept; with what malloc adds to a piece it is a power of two.
 */
static uint32_t allocated_for(uint32_t size)
{
        uint32_t piece = 32;

        while (piece - sizeof(size_t) < size)
                piece *= 2;
        return piece - (uint32_t)sizeof(size_t);
}

/* Room for so many more bytes, which count from now on. Returns it, or NULL. */
static uint8_t *list_extend(List *list, uint32_t n)
{
        uint32_t size = list->size + n;
        uint8_t *bytes;

        if (size > INLINE_SIZE && is_inline(list)) {
                bytes = malloc(allocated_for(size));
                if (!bytes)
                        return NULL;
                memcpy(bytes, list->in, list->size);
                list->bytes = bytes;
        } else if (size > INLINE_SIZE && size > allocated_for(list->size)) {
                bytes = realloc(list->bytes, allocated_for(size));
                if (!bytes)
                        return NULL;
                list->bytes = bytes;
        }

        bytes = (size <= INLINE_SIZE ? list->in : list->bytes) + list->size;
        list->size = size;
        return bytes;
}

static void give_up(List *list)
{
        if (!is_inline(list))
                free(list->bytes);
        list->size = GIVEN_UP;
}

static int list_add(List *list, uint32_t offset, uint32_t n_records)
{
        uint32_t difference = offset - list->last, n = 1;
        uint8_t *bytes;

        /* Two keys of one event that fall together; or nothing to tell any more. */
        if (difference == 0 || list->size == GIVEN_UP)
                return 0;
        if (n_records > GIVE_UP_RECORDS && index_is_dense(list->count, n_records)) {
                give_up(list);
                return 0;
        }
        for (uint32_t rest = difference; rest >= 0x80; rest >>= 7)
                n++;
        bytes = list_extend(list, n);
        if (!bytes)
                return -ENOMEM;

        for (; difference >= 0x80; difference >>= 7)
                *bytes++ = (uint8_t)(difference | 0x80);
        *bytes = (uint8_t)difference;
        list->last = offset;
        list->count++;
        return 0;
}

/* ---- records ---- */

static int add_mark(IndexMemory *index, uint32_t offset, const EventFields *event)
{
        IndexMark *mark;
        int r;

        if (index->summary.n_records % INDEX_MARK_RECORDS == 0) {
                r = grow((void **)&index->marks, index->n_marks, &index->n_marks_allocated,
                         sizeof(IndexMark));
                if (r < 0)
                        return r;
                index->marks[index->n_marks++] = (IndexMark){
                        .first_seq = event->seq,
                        .min_nsec = event->time_nsec,
                        .max_nsec = event->time_nsec,
                        .offset = offset,
                };
        }

        mark = index->marks + index->n_marks - 1;
        if (event->time_nsec < mark->min_nsec)
                mark->min_nsec = event->time_nsec;
        if (event->time_nsec > mark->max_nsec)
                mark->max_nsec = event->time_nsec;
        return 0;
}

static void summarize(IndexSummary *summary, uint32_t offset, const EventFields *event)
{
        if (summary->n_records++ == 0) {
                summary->first_offset = offset;
                summary->first_seq = event->seq;
                summary->min_nsec = summary->max_nsec = event->time_nsec;
        }
        summary->last_seq = event->seq;
        if (event->time_nsec < summary->min_nsec)
                summary->min_nsec = event->time_nsec;
        if (event->time_nsec > summary->max_nsec)
                summary->max_nsec = event->time_nsec;
}

int index_memory_add(IndexMemory *index, uint64_t offset, size_t length, const EventFields *event)
{
        uint64_t keys[INDEX_KEYS_MAX];
        size_t n;
        int r;

        if (offset == 0 || offset < index->summary.size)
                return -EINVAL;
        if (offset > UINT32_MAX || index->summary.n_records == UINT32_MAX)
                return -EFBIG;
        r = add_mark(index, (uint32_t)offset, event);
        if (r < 0)
                return r;

        n = index_keys_of(index->seed, event, keys);
        for (size_t i = 0; i < n; i++) {
                List *list;

                r = get_list(index, (uint32_t)keys[i], &list);
                if (r < 0)
                        return r;
                r = list_add(list, (uint32_t)offset, index->summary.n_records);
                if (r < 0)
                        return r;
        }

        summarize(&index->summary, (uint32_t)offset, event);
        index->summary.size = offset + length;
        return 0;
}

int index_memory_add_line(IndexMemory *index, uint64_t offset, const char *line, size_t length)
{
        const EventFields *event;
        int r;

        r = record_parser_read(&index->parser, line, length, &event);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                /* The first line is the header. */
                index_memory_skip(index, offset + length + 1, offset > 0);
                return 0;
        }
        return index_memory_add(index, offset, length + 1, event);
}

void index_memory_skip(IndexMemory *index, uint64_t end, bool damaged)
{
        index->summary.size = end;
        index->summary.n_damaged += damaged;
}

/* ---- asking ---- */

const IndexSummary *index_memory_summary(const IndexMemory *index)
{
        return &index->summary;
}

uint64_t index_memory_seed(const IndexMemory *index)
{
        return index->seed;
}

static IndexPostings list_postings(const IndexMemory *index, const List *list)
{
        if (list->size == GIVEN_UP)
                return (IndexPostings){ .count = index->summary.n_records, .dense = true };
        return (IndexPostings){
                .count = list->count,
                .dense = index_is_dense(list->count, index->summary.n_records),
                .bytes = list_bytes(list),
                .size = list->size,
        };
}

int index_memory_find(const IndexMemory *index, uint64_t key, IndexPostings *ret)
{
        size_t place;

        *ret = (IndexPostings){};
        if (index->table_size == 0)
                return 0;
        place = find_place(index, (uint32_t)key);
        if (index->table[place] > 0)
                *ret = list_postings(index, index->lists + index->table[place] - 1);
        return 0;
}

const IndexMark *index_memory_marks(const IndexMemory *index, size_t *ret_n)
{
        *ret_n = index->n_marks;
        return index->marks;
}

size_t index_memory_n_keys(const IndexMemory *index)
{
        return index->n_lists;
}

uint32_t index_memory_key(const IndexMemory *index, size_t i, IndexPostings *ret)
{
        *ret = list_postings(index, index->lists + i);
        return index->lists[i].key;
}
