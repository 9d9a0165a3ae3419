/* SPDX-License-Identifier: Apache-2.0 */
#include "log/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void batch_done(Batch *batch)
{
        free(batch->bytes);
        *batch = (Batch){};
}

int batch_make_room(Batch *batch, size_t length, size_t limit)
{
        size_t size;
        char *bytes;

        if (length > limit || batch->size > limit - length)
                return -ENOBUFS;
        size = batch->size + length;
        if (size <= batch->allocated)
                return 0;
        if (size < batch->allocated * 2)
                size = batch->allocated * 2;
        if (size > limit)
                size = limit;
        bytes = realloc(batch->bytes, size);
        if (!bytes)
                return -ENOMEM;

        batch->bytes = bytes;
        batch->allocated = size;
        return 0;
}

static void rewind_next(Batch *batch)
{
        batch->next_seq = batch->first_seq;
        batch->next_offset = 0;
}

void batch_add(Batch *batch, uint64_t seq, const char *line, size_t length)
{
        if (batch->n_lines == 0) {
                batch->first_seq = seq;
                rewind_next(batch);
        }
        memcpy(batch->bytes + batch->size, line, length);
        batch->size += length;
        batch->n_lines++;
}

/* Every line ends in one. */
static size_t line_end(const Batch *batch, size_t offset)
{
        const char *end = memchr(batch->bytes + offset, '\n', batch->size - offset);

        return (size_t)(end - batch->bytes) + 1;
}

size_t batch_piece(const Batch *batch, size_t limit, size_t *ret_n_lines)
{
        size_t size = line_end(batch, 0), n = 1;

        while (size < batch->size) {
                size_t end = line_end(batch, size);

                if (end > limit)
                        break;
                size = end;
                n++;
        }

        *ret_n_lines = n;
        return size;
}

void batch_remove(Batch *batch, size_t size, size_t n_lines)
{
        batch->size -= size;
        batch->n_lines -= n_lines;
        batch->first_seq += n_lines;
        memmove(batch->bytes, batch->bytes + size, batch->size);
        if (batch->next_seq < batch->first_seq)
                rewind_next(batch);
        else
                batch->next_offset -= size;
}

bool batch_next(Batch *batch, uint64_t after_seq, const char **ret_line, size_t *ret_length,
                uint64_t *ret_seq)
{
        size_t end;

        if (after_seq >= batch->first_seq + batch->n_lines)
                return false;
        if (after_seq + 1 < batch->next_seq)
                rewind_next(batch);
        while (batch->next_seq <= after_seq && batch->next_offset < batch->size) {
                batch->next_offset = line_end(batch, batch->next_offset);
                batch->next_seq++;
        }
        if (batch->next_offset >= batch->size)
                return false;

        end = line_end(batch, batch->next_offset);
        *ret_line = batch->bytes + batch->next_offset;
        *ret_length = end - batch->next_offset - 1;
        *ret_seq = batch->next_seq;
        return true;
}
