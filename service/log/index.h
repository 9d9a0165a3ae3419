/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Index: says which lines of a segment may answer a question, so that the others need not be read.
 * It is in memory while the segment is written (log/index-memory.h), and in a file beside it once
 * the segment is sealed (log/index-file.h). It may say too much, and never too little.
 *
 *   summary  least and greatest time and number of the whole segment
 *   marks    the same for every INDEX_MARK_RECORDS records: events are not in order of time
 *   postings for each key (log/index-key.h) the offsets of the lines that have it, ascending
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct IndexFile;
struct IndexMemory;

/* About what one read brings, so that whoever reads a stretch of time reads little around it. */
#define INDEX_MARK_RECORDS 64

/* A key that more than one in so many records has is not worth its postings: reading on is. */
#define INDEX_DENSE_SHARE 8

typedef struct IndexSummary {
        uint64_t size;                /* bytes of the segment that it covers */
        uint64_t first_seq, last_seq; /* 0: there are no records */
        uint64_t min_nsec, max_nsec;  /* both inclusive */
        uint32_t first_offset;        /* of the first record */
        uint32_t n_records;
        uint32_t n_damaged; /* lines that are not intact, and no records here */
} IndexSummary;

typedef struct IndexMark {
        uint64_t first_seq;
        uint64_t min_nsec, max_nsec; /* both inclusive */
        uint32_t offset;             /* of the first line; the mark ends where the next begins */
} IndexMark;

/* The lines that have one key. */
typedef struct IndexPostings {
        uint32_t count;
        bool dense;           /* too many to tell: any line may have it */
        const uint8_t *bytes; /* owned if "owned" is set: offsets as differences, in LEB128 */
        size_t size;
        uint8_t *owned;
} IndexPostings;

/* A handful is always worth it. */
static inline bool index_is_dense(uint32_t count, uint32_t n_records)
{
        return count > INDEX_DENSE_SHARE && count > n_records / INDEX_DENSE_SHARE;
}

void index_postings_done(IndexPostings *postings);

/* Decodes all of them: "offsets" has room for postings->count. Returns -EBADMSG if they are not
 * ascending or not as many. */
int index_postings_decode(const IndexPostings *postings, uint32_t *offsets);

/* One of the two. Both weak: what it is made of is with the segment. */
typedef struct Index {
        const struct IndexMemory *memory;
        const struct IndexFile *file;
} Index;

static inline bool index_is_there(const Index *index)
{
        return index->memory || index->file;
}

const IndexSummary *index_summary(const Index *index);
uint64_t index_seed(const Index *index);

/* No postings if nothing has the key. Returns negative errno; -EBADMSG for a file that is damaged.
 */
int index_find(const Index *index, uint64_t key, IndexPostings *ret);

/* All marks; the caller frees *ret_owned, which *ret may point to. */
int index_marks(const Index *index, const IndexMark **ret, size_t *ret_n, IndexMark **ret_owned);
