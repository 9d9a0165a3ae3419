/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * LineReader: the lines of a file from an offset on, in pieces, so that memory does not grow with
 * the file. A line that is too long for it is told apart and left out; the end of a file without
 * "\n" is no line yet.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LineReader {
        int fd;            /* weak */
        size_t line_max;   /* "\n" included */
        char *buffer;      /* owned; twice line_max, and at least LINE_READER_PIECE */
        size_t size;       /* of the buffer */
        size_t piece;      /* read at once: little behind a seek, more while it goes on */
        size_t start, end; /* what is read and not yet given out */
        uint64_t offset;   /* in the file, of buffer[start] */
        bool skipping;     /* inside a line that is too long */
} LineReader;

/* The first read behind a seek: some lines, for whoever wants just the one that is there. */
#define LINE_READER_FIRST_PIECE 2048

/* Large enough that a read costs little beside what is done with its lines. */
#define LINE_READER_PIECE (64 * 1024)

typedef enum LineResult {
        LINE_NONE, /* no whole line before the limit */
        LINE_READ,
        LINE_TOO_LONG, /* its end was reached, and it was left out */
} LineResult;

/* Returns -ENOMEM. The descriptor stays the caller's. */
int line_reader_init(LineReader *reader, int fd, uint64_t offset, size_t line_max);
void line_reader_done(LineReader *reader);

/* Goes on at another place, or in another file. */
void line_reader_seek(LineReader *reader, int fd, uint64_t offset);

/* Goes on further behind in the same file, of which what was read did not change since. */
void line_reader_skip(LineReader *reader, uint64_t offset);

/*
 * The next line that ends before "limit", an offset in the file. The line is without "\n", and
 * valid until the next call; reader->offset is right behind it. Returns a LineResult or negative
 * errno.
 */
int line_reader_next(LineReader *reader, uint64_t limit, const char **ret_line, size_t *ret_length);
