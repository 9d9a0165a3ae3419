/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PipeWriter: the writing end of a pipe whose reader may be slow, or gone. Nothing here waits: what
 * the pipe does not take now is kept, and written later. A piece of a file goes from the page cache
 * into the pipe without being copied through us.
 *
 * The results of writing are: 1 when all that was put is in the pipe; 0 when the pipe is full;
 * PIPE_WRITER_AGAIN when there is room for more; -EPIPE when nobody reads; -ENODATA when the file
 * ends too early; or another negative errno, and then there is no saying what was written.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a pipe holds: enough for a reader to be woken seldom; and what one who stops costs. The
 * pipes of a user other than root hold 64 MiB together (fs.pipe-user-pages-soft), and those beyond
 * it two pages each: with this size, 256 get what they need. */
#define PIPE_WRITER_SIZE (256 * 1024)

#define PIPE_WRITER_AGAIN 2

typedef struct PipeWriter {
        int fd; /* owned; does not block */

        /* What was put and is not in the pipe yet: these bytes, and then those of the file. */
        char *bytes; /* owned */
        size_t start, end;
        int file; /* owned */
        uint64_t offset, left;
        bool copies; /* the file cannot be spliced */
} PipeWriter;

#define PIPE_WRITER_CLOSED ((PipeWriter){ .fd = -1, .file = -1 })

/* Makes the pipe. The reading end is the caller's, and blocks. Returns negative errno. */
int pipe_writer_open(PipeWriter *writer, int *ret_reading_fd);

/* Takes a closed one. */
void pipe_writer_done(PipeWriter *writer);

/* The writer must be empty: what was put before is in the pipe. */
int pipe_writer_put(PipeWriter *writer, const char *bytes, size_t size);

/* As many bytes of a file, which goes over to the writer; pipe_writer_flush() writes them. */
void pipe_writer_put_file(PipeWriter *writer, int fd, uint64_t offset, uint64_t size);

/* Writes what is left, or some of it: about "max" bytes. */
int pipe_writer_flush(PipeWriter *writer, size_t max);
