/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * SegmentIndex: the index that a segment of the store has, or will get. While the segment is
 * written its index is in memory; when it is sealed the index becomes a file; one that is missing
 * or does not fit is made again by reading the segment, a piece at a time. Until then, and when
 * that cannot be done, the segment is read through.
 */

#include "log/index-file.h"
#include "log/index-memory.h"
#include "log/index.h"
#include "log/segment.h"

typedef struct SegmentIndex {
        IndexMemory *memory; /* owned */
        IndexFile *file;     /* owned */
        bool looked_for;     /* the file was */
        bool hopeless;       /* tried, and failed: not again before the history is opened anew */
} SegmentIndex;

/* Bytes of a segment that are read in one step: some milliseconds. */
#define SEGMENT_INDEX_STEP (1024 * 1024)

/* Without an index. Returns NULL without memory. */
SegmentIndex *segment_index_new(void);

/* Takes NULL; returns NULL. */
SegmentIndex *segment_index_free(SegmentIndex *index);

static inline void segment_index_freep(SegmentIndex **index)
{
        segment_index_free(*index);
}

/* For a segment that is started, with a header of that size: what is written to it is added. */
void segment_index_begin(SegmentIndex *index, sd_id128_t epoch, uint64_t header_size);

/*
 * Adds the record of an event that was written in the line [offset, offset + length). If that fails
 * there is no index any more, until one is made from the file.
 */
void segment_index_add(SegmentIndex *index, uint64_t offset, size_t length,
                       const EventFields *event);

/* What there is; opens the file of a sealed segment when it is first asked for. */
Index segment_index_get(SegmentIndex *index, int directory_fd, const Segment *segment,
                        sd_id128_t epoch);

/* Lets go of what there is and removes the file: it is no good, or the segment goes. */
void segment_index_discard(SegmentIndex *index, int directory_fd, const Segment *segment);

/*
 * A step to the file of a sealed segment's index. Returns 1 if there is more to do, 0 when there is
 * the file, or negative errno: then it is hopeless.
 */
int segment_index_step(SegmentIndex *index, int directory_fd, const Segment *segment,
                       sd_id128_t epoch);
