/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the writer and the reader of an index file (log/index-file.h) have to agree on: the sizes of
 * its parts, and where they stand.
 */

#include "base/little-endian.h"
#include "log/block-file.h"
#include "log/index-file.h"

static const char INDEX_FILE_MAGIC[8] = { 'C', 'E', 'V', 'I', 'N', 'D', 'E', 'X' };

#define INDEX_FILE_MARK_SIZE 28

/* { slots, overflowed } of 16 bits, and the slots, fill a block. */
#define BUCKET_HEADER 4
#define SLOT_SIZE     8
#define BUCKET_SLOTS  INDEX_FILE_BUCKET_KEYS
_Static_assert(BUCKET_HEADER + BUCKET_SLOTS * SLOT_SIZE <= BLOCK_CONTENT, "a bucket is a block");

/* On average, of 63: then one bucket in some ten is full and goes on in the next. */
#define BUCKET_FILL 52

/* Place of postings that are not there: any line may have the key. */
#define PLACE_DENSE UINT32_MAX

struct IndexFile {
        int fd; /* owned */
        IndexSummary summary;
        uint64_t seed;
        uint32_t n_marks, n_buckets, n_posting_blocks;
};

static inline uint64_t blocks_for(uint64_t size)
{
        return (size + BLOCK_CONTENT - 1) / BLOCK_CONTENT;
}

static inline uint64_t first_bucket(const IndexFile *file)
{
        return 1 + blocks_for((uint64_t)file->n_marks * INDEX_FILE_MARK_SIZE);
}

static inline uint64_t first_posting_block(const IndexFile *file)
{
        return first_bucket(file) + file->n_buckets;
}

static inline uint32_t bucket_of(uint32_t key, uint32_t n_buckets)
{
        return (uint32_t)((uint64_t)key * n_buckets >> 32);
}
