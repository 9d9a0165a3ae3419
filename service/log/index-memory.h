/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * IndexMemory: the index of a segment that is being written, or read through to make its index
 * file. It takes about a tenth of the segment's size.
 */

#include <systemd/sd-id128.h>

#include "log/index.h"
#include "model/event.h"

typedef struct IndexMemory IndexMemory;

/* All indexes of one history have one seed, so that their keys can be put together; who does not
 * know the epoch does not know it either. Returns -ENOMEM. */
int index_memory_new(sd_id128_t epoch, IndexMemory **ret);

/* Takes NULL; returns NULL. */
IndexMemory *index_memory_free(IndexMemory *index);

static inline void index_memory_freep(IndexMemory **index)
{
        index_memory_free(*index);
}

/* Adds an intact line, without "\n": a record, or something else that is passed over. */
int index_memory_add_line(IndexMemory *index, uint64_t offset, const char *line, size_t length);

/*
 * Adds the record of an event in the line [offset, offset + length), "\n" included. Lines come in
 * the order in which they stand. Returns -EFBIG behind 4 GiB, -ENOMEM; then the index is no good
 * any more.
 */
int index_memory_add(IndexMemory *index, uint64_t offset, size_t length, const EventFields *event);

/* What else is in the segment: a header, or a line that is not intact. */
void index_memory_skip(IndexMemory *index, uint64_t end, bool damaged);

const IndexSummary *index_memory_summary(const IndexMemory *index);
uint64_t index_memory_seed(const IndexMemory *index);

/* The postings are borrowed, and valid until something is added. Returns 0. */
int index_memory_find(const IndexMemory *index, uint64_t key, IndexPostings *ret);

const IndexMark *index_memory_marks(const IndexMemory *index, size_t *ret_n);

/* For whoever writes them all: the low half of the i-th key, with its postings. */
size_t index_memory_n_keys(const IndexMemory *index);
uint32_t index_memory_key(const IndexMemory *index, size_t i, IndexPostings *ret);
