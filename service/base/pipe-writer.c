/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pipe-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What is read at once of a file that cannot be spliced. */
#define COPY_SIZE (64 * 1024)

int pipe_writer_open(PipeWriter *writer, int *ret_reading_fd)
{
        int fds[2], flags;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        flags = fcntl(fds[1], F_GETFL);
        if (flags < 0 || fcntl(fds[1], F_SETFL, flags | O_NONBLOCK) < 0) {
                int r = -errno;

                close(fds[0]);
                close(fds[1]);
                return r;
        }
        /* A smaller one does too. */
        (void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_WRITER_SIZE);

        *writer = PIPE_WRITER_CLOSED;
        writer->fd = fds[1];
        *ret_reading_fd = fds[0];
        return 0;
}

static void forget_bytes(PipeWriter *writer)
{
        free(TAKE_PTR(writer->bytes));
        writer->start = writer->end = 0;
}

static void forget_file(PipeWriter *writer)
{
        if (writer->file >= 0)
                close(TAKE_FD(writer->file));
        writer->left = 0;
}

void pipe_writer_done(PipeWriter *writer)
{
        forget_bytes(writer);
        forget_file(writer);
        if (writer->fd >= 0)
                close(TAKE_FD(writer->fd));
}

/* Returns how many, 0 if the pipe is full. */
static ssize_t write_some(int fd, const char *bytes, size_t size)
{
        ssize_t n;

        do
                n = write(fd, bytes, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        return n;
}

int pipe_writer_put(PipeWriter *writer, const char *bytes, size_t size)
{
        ssize_t n;

        if (size == 0)
                return 1;
        n = write_some(writer->fd, bytes, size);
        if (n < 0)
                return (int)n;
        if ((size_t)n == size)
                return 1;

        writer->bytes = malloc(size - (size_t)n);
        if (!writer->bytes)
                return -ENOMEM;
        memcpy(writer->bytes, bytes + n, size - (size_t)n);
        writer->start = 0;
        writer->end = size - (size_t)n;
        return 0;
}

void pipe_writer_put_file(PipeWriter *writer, int fd, uint64_t offset, uint64_t size)
{
        writer->file = fd;
        writer->offset = offset;
        writer->left = size;
        writer->copies = false;
}

static int flush_bytes(PipeWriter *writer)
{
        while (writer->start < writer->end) {
                ssize_t n = write_some(writer->fd, writer->bytes + writer->start,
                                       writer->end - writer->start);

                if (n <= 0)
                        return (int)n;
                writer->start += (size_t)n;
        }

        forget_bytes(writer);
        return 1;
}

/* Returns how many bytes, 0 if the pipe is full. */
static ssize_t splice_some(PipeWriter *writer, size_t max)
{
        off64_t offset = (off64_t)writer->offset;
        ssize_t n;

        do
                n = splice(writer->file, &offset, writer->fd, NULL, max,
                           SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        return n > 0 ? n : -ENODATA;
}

/* Reads the next piece of the file into the bytes. Returns how many. */
static ssize_t copy_some(PipeWriter *writer, size_t max)
{
        _cleanup_free_ char *piece = malloc(max);
        ssize_t n;

        if (!piece)
                return -ENOMEM;
        do
                n = pread(writer->file, piece, max, (off_t)writer->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n == 0)
                return -ENODATA;

        writer->bytes = TAKE_PTR(piece);
        writer->end = (size_t)n;
        return n;
}

/* Returns how many bytes of the file are done with, 0 if the pipe is full. */
static ssize_t file_some(PipeWriter *writer, size_t max)
{
        ssize_t n;

        if (max > writer->left)
                max = (size_t)writer->left;
        if (!writer->copies) {
                n = splice_some(writer, max);
                /* A file system, or a filter of system calls, that does not know it. */
                if (n != -EINVAL && n != -ENOSYS && n != -EPERM)
                        return n;
                writer->copies = true;
        }
        return copy_some(writer, max < COPY_SIZE ? max : COPY_SIZE);
}

int pipe_writer_flush(PipeWriter *writer, size_t max)
{
        for (size_t done = 0;;) {
                ssize_t n;
                int r;

                r = flush_bytes(writer);
                if (r <= 0)
                        return r;
                if (writer->left == 0) {
                        forget_file(writer);
                        return 1;
                }
                if (done >= max)
                        return PIPE_WRITER_AGAIN;

                n = file_some(writer, max - done);
                if (n <= 0)
                        return (int)n;
                writer->offset += (uint64_t)n;
                writer->left -= (uint64_t)n;
                done += (size_t)n;
        }
}
