/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line-reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int line_reader_init(LineReader *reader, int fd, uint64_t offset, size_t line_max)
{
        size_t size = line_max * 2;
        char *buffer;

        if (size < LINE_READER_PIECE)
                size = LINE_READER_PIECE;
        buffer = malloc(size);
        if (!buffer)
                return -ENOMEM;

        *reader = (LineReader){
                .fd = fd,
                .line_max = line_max,
                .buffer = buffer,
                .size = size,
                .piece = LINE_READER_FIRST_PIECE,
                .offset = offset,
        };
        return 0;
}

void line_reader_done(LineReader *reader)
{
        free(reader->buffer);
        reader->buffer = NULL;
}

void line_reader_seek(LineReader *reader, int fd, uint64_t offset)
{
        reader->fd = fd;
        reader->offset = offset;
        reader->start = reader->end = 0;
        reader->piece = LINE_READER_FIRST_PIECE;
        reader->skipping = false;
}

void line_reader_skip(LineReader *reader, uint64_t offset)
{
        uint64_t distance = offset - reader->offset;

        if (reader->skipping || offset < reader->offset || distance > reader->end - reader->start) {
                line_reader_seek(reader, reader->fd, offset);
                return;
        }
        reader->start += (size_t)distance;
        reader->offset = offset;
}

/* Reads a piece behind what is there. Returns the number of bytes, 0 at the limit. */
static ssize_t fill(LineReader *reader, uint64_t limit)
{
        uint64_t at;
        size_t room;
        ssize_t n;

        if (reader->start > 0) {
                memmove(reader->buffer, reader->buffer + reader->start,
                        reader->end - reader->start);
                reader->end -= reader->start;
                reader->start = 0;
        }

        at = reader->offset + reader->end;
        if (at >= limit)
                return 0;
        room = reader->size - reader->end;
        if (room > reader->piece)
                room = reader->piece;
        if (room > limit - at)
                room = (size_t)(limit - at);
        if (reader->piece < reader->size)
                reader->piece *= 4;

        do
                n = pread(reader->fd, reader->buffer + reader->end, room, (off_t)at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        reader->end += (size_t)n;
        return n;
}

static void consume(LineReader *reader, size_t length)
{
        reader->start += length;
        reader->offset += length;
}

int line_reader_next(LineReader *reader, uint64_t limit, const char **ret_line, size_t *ret_length)
{
        size_t searched = 0;

        for (;;) {
                const char *line = reader->buffer + reader->start;
                size_t there = reader->end - reader->start;
                const char *newline = memchr(line + searched, '\n', there - searched);
                bool too_long;
                ssize_t n;

                if (newline) {
                        size_t length = (size_t)(newline - line);

                        too_long = reader->skipping || length >= reader->line_max;
                        reader->skipping = false;
                        consume(reader, length + 1);
                        if (too_long)
                                return LINE_TOO_LONG;
                        *ret_line = line;
                        *ret_length = length;
                        return LINE_READ;
                }

                searched = there;
                if (there >= reader->line_max) {
                        reader->skipping = true;
                        consume(reader, there);
                        searched = 0;
                }
                n = fill(reader, limit);
                if (n < 0)
                        return (int)n;
                if (n == 0)
                        return LINE_NONE;
        }
}
