/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the writer and the reader of an index file (log/index-file.h) have to agree on: the sizes of
 * its parts, where they stand, and how numbers are encoded.
 */

#include <endian.h>
#include <string.h>

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

/* They return the place behind what was put; the others go past what they took. */
static inline uint8_t *put32(uint8_t *at, uint32_t number)
{
        number = htole32(number);
        memcpy(at, &number, sizeof(number));
        return at + sizeof(number);
}

static inline uint8_t *put64(uint8_t *at, uint64_t number)
{
        number = htole64(number);
        memcpy(at, &number, sizeof(number));
        return at + sizeof(number);
}

static inline uint32_t get32(const uint8_t **at)
{
        uint32_t number;

        memcpy(&number, *at, sizeof(number));
        *at += sizeof(number);
        return le32toh(number);
}

static inline uint64_t get64(const uint8_t **at)
{
        uint64_t number;

        memcpy(&number, *at, sizeof(number));
        *at += sizeof(number);
        return le64toh(number);
}

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
