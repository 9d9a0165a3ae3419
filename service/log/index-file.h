/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * IndexFile: the index of a sealed segment, in a file beside it that never changes. It is read in
 * pieces, so that no memory grows with the history, and each piece is checked when it is read: what
 * is damaged is found out, thrown away and made again from the segment.
 *
 * The file is a row of blocks of 512 bytes, each ending in the CRC-32 of its number and content.
 * Numbers are little-endian.
 *
 *   header    one block: see encode_header()
 *   marks     INDEX_FILE_MARK_SIZE bytes each
 *   buckets   one block each, of slots { low half of the key, place of its postings }; a key is in
 *             the bucket that this half tells, or in the next if that one is full
 *   postings  { number, bytes } in LEB128, and that many bytes
 *
 * A lookup thus reads one block if nothing has the key, and two or three if something has.
 */

#include <systemd/sd-id128.h>

#include "log/index-memory.h"
#include "log/index.h"

#define INDEX_FILE_FORMAT 1

/* One that is being written; one that is found was left by a crash. */
#define INDEX_FILE_NEW_NAME "events.index.new"

typedef struct IndexFile IndexFile;

/* What the index belongs to: it fits if these are equal. */
typedef struct IndexOwner {
        sd_id128_t epoch;
        uint64_t first_seq; /* of the segment's name */
        uint64_t size;      /* of the segment, in bytes */
} IndexOwner;

/*
 * Writes the index under a name that is replaced when it is there. It is not synced: what a power
 * cut leaves of it does not pass for an index. Returns negative errno.
 */
int index_file_write(int directory_fd, const char *name, const IndexMemory *memory,
                     const IndexOwner *owner);

/* Returns -ESTALE for one of something else, -EBADMSG for what is no index that is intact. */
int index_file_open(int directory_fd, const char *name, const IndexOwner *owner, IndexFile **ret);

/* Takes NULL; returns NULL. */
IndexFile *index_file_free(IndexFile *file);

static inline void index_file_freep(IndexFile **file)
{
        index_file_free(*file);
}

const IndexSummary *index_file_summary(const IndexFile *file);
uint64_t index_file_seed(const IndexFile *file);
uint64_t index_file_size(const IndexFile *file); /* bytes on the disk */

/* The keys, by their low halves: of all buckets together, and of one. */
#define INDEX_FILE_BUCKET_KEYS 63
uint64_t index_file_n_keys(const IndexFile *file); /* about */
uint32_t index_file_n_buckets(const IndexFile *file);
int index_file_bucket(const IndexFile *file, uint32_t i,
                      uint32_t keys[static INDEX_FILE_BUCKET_KEYS], size_t *ret_n);

/* As in log/index.h; -EBADMSG for a block that is damaged. */
int index_file_find(const IndexFile *file, uint64_t key, IndexPostings *ret);
int index_file_marks(const IndexFile *file, const IndexMark **ret, size_t *ret_n,
                     IndexMark **ret_owned);

/* Reads all of it: 0 if every block is intact. */
int index_file_check(const IndexFile *file);
