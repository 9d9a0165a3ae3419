/* SPDX-License-Identifier: Apache-2.0 */
#include "log/segment-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/line-reader.h"
#include "log/record.h"

SegmentIndex *segment_index_new(void)
{
        return calloc(1, sizeof(SegmentIndex));
}

static void let_go(SegmentIndex *index)
{
        index->memory = index_memory_free(index->memory);
        index->file = index_file_free(index->file);
}

SegmentIndex *segment_index_free(SegmentIndex *index)
{
        if (!index)
                return NULL;

        let_go(index);
        free(index);
        return NULL;
}

void segment_index_begin(SegmentIndex *index, sd_id128_t epoch, uint64_t header_size)
{
        let_go(index);
        if (index_memory_new(epoch, &index->memory) >= 0)
                index_memory_skip(index->memory, header_size, false);
}

void segment_index_add(SegmentIndex *index, uint64_t offset, size_t length,
                       const EventFields *event)
{
        if (index->memory && index_memory_add(index->memory, offset, length, event) < 0)
                index->memory = index_memory_free(index->memory);
}

static IndexOwner owner_of(const Segment *segment, sd_id128_t epoch)
{
        return (IndexOwner){ .epoch = epoch,
                             .first_seq = segment->first_seq,
                             .size = segment->size };
}

Index segment_index_get(SegmentIndex *index, int directory_fd, const Segment *segment,
                        sd_id128_t epoch)
{
        const IndexOwner owner = owner_of(segment, epoch);
        char name[SEGMENT_NAME_SIZE];

        if (!segment->active && !index->memory && !index->looked_for) {
                index->looked_for = true;
                segment_index_name(segment, name);
                (void)index_file_open(directory_fd, name, &owner, &index->file);
        }
        /* One that is being made does not cover the segment yet. */
        if (index->memory && index_memory_summary(index->memory)->size < segment->size)
                return (Index){};
        return (Index){ .memory = index->memory, .file = index->file };
}

void segment_index_discard(SegmentIndex *index, int directory_fd, const Segment *segment)
{
        char name[SEGMENT_NAME_SIZE];

        let_go(index);
        if (segment->active)
                return;
        segment_index_name(segment, name);
        unlinkat(directory_fd, name, 0);
        index->looked_for = true;
}

/* ---- making the file ---- */

static int read_lines(LineReader *reader, IndexMemory *memory, const Segment *segment)
{
        const uint64_t start = reader->offset;

        while (reader->offset - start < SEGMENT_INDEX_STEP) {
                uint64_t offset = reader->offset;
                const char *line;
                size_t length;
                int r;

                r = line_reader_next(reader, segment->size, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE) {
                        index_memory_skip(memory, segment->size, segment->size > offset);
                        return 0;
                }
                if (r == LINE_TOO_LONG || !record_is_intact(line, length))
                        index_memory_skip(memory, reader->offset, true);
                else
                        r = index_memory_add_line(memory, offset, line, length);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Reads on in the segment, from what is covered already. */
static int cover_more(SegmentIndex *index, int directory_fd, const Segment *segment,
                      sd_id128_t epoch)
{
        _cleanup_close_ int fd = -1;
        char name[SEGMENT_NAME_SIZE];
        LineReader reader;
        int r;

        if (!index->memory) {
                r = index_memory_new(epoch, &index->memory);
                if (r < 0)
                        return r;
        }
        segment_name(segment, name);
        fd = segment_open(directory_fd, name, false);
        if (fd < 0)
                return fd;
        r = line_reader_init(&reader, fd, index_memory_summary(index->memory)->size,
                             RECORD_SIZE_MAX);
        if (r < 0)
                return r;
        r = read_lines(&reader, index->memory, segment);
        line_reader_done(&reader);
        return r;
}

static int make_file(SegmentIndex *index, int directory_fd, const Segment *segment,
                     const IndexOwner *owner)
{
        char name[SEGMENT_NAME_SIZE];
        int r;

        segment_index_name(segment, name);
        r = index_file_write(directory_fd, name, index->memory, owner);
        if (r < 0)
                return r;
        index->looked_for = true;
        r = index_file_open(directory_fd, name, owner, &index->file);
        if (r < 0)
                return r;
        index->memory = index_memory_free(index->memory);
        return 0;
}

int segment_index_step(SegmentIndex *index, int directory_fd, const Segment *segment,
                       sd_id128_t epoch)
{
        const IndexOwner owner = owner_of(segment, epoch);
        int r;

        if (segment->active || index->hopeless)
                return 0;
        (void)segment_index_get(index, directory_fd, segment, epoch);
        if (index->file)
                return 0;

        if (index->memory && index_memory_summary(index->memory)->size >= segment->size)
                r = make_file(index, directory_fd, segment, &owner);
        else
                r = cover_more(index, directory_fd, segment, epoch);
        if (r < 0) {
                index->hopeless = true;
                index->memory = index_memory_free(index->memory);
                return r;
        }
        return index->file ? 0 : 1;
}
