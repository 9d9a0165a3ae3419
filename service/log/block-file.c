/* SPDX-License-Identifier: Apache-2.0 */
#include "log/block-file.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

static uint32_t block_checksum(uint64_t number, const uint8_t *content)
{
        uint64_t encoded = htole64(number);
        unsigned long crc = crc32_z(0, NULL, 0);

        crc = crc32_z(crc, (const unsigned char *)&encoded, sizeof(encoded));
        return htole32((uint32_t)crc32_z(crc, content, BLOCK_CONTENT));
}

/* ---- writing ---- */

int block_writer_init(BlockWriter *writer, int fd)
{
        uint8_t *buffer;

        buffer = malloc(BLOCKS_PER_WRITE * BLOCK_SIZE);
        if (!buffer)
                return -ENOMEM;

        *writer = (BlockWriter){ .fd = fd, .buffer = buffer };
        return 0;
}

void block_writer_done(BlockWriter *writer)
{
        free(writer->buffer);
        writer->buffer = NULL;
}

static int write_buffer(BlockWriter *writer)
{
        size_t size = writer->n_buffered * BLOCK_SIZE;

        for (size_t done = 0; done < size;) {
                ssize_t n = write(writer->fd, writer->buffer + done, size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }

        writer->n_buffered = 0;
        return 0;
}

static uint8_t *current_block(const BlockWriter *writer)
{
        return writer->buffer + writer->n_buffered * BLOCK_SIZE;
}

int block_writer_end_block(BlockWriter *writer)
{
        uint8_t *block = current_block(writer);
        uint32_t checksum;

        if (writer->used == 0)
                return 0;
        memset(block + writer->used, 0, BLOCK_CONTENT - writer->used);
        checksum = block_checksum(writer->number, block);
        memcpy(block + BLOCK_CONTENT, &checksum, sizeof(checksum));

        writer->used = 0;
        writer->number++;
        writer->n_buffered++;
        return writer->n_buffered == BLOCKS_PER_WRITE ? write_buffer(writer) : 0;
}

int block_writer_put(BlockWriter *writer, const void *bytes, size_t size)
{
        const uint8_t *from = bytes;

        while (size > 0) {
                size_t n = BLOCK_CONTENT - writer->used;
                int r;

                if (n > size)
                        n = size;
                memcpy(current_block(writer) + writer->used, from, n);
                writer->used += n;
                from += n;
                size -= n;
                if (writer->used < BLOCK_CONTENT)
                        continue;
                r = block_writer_end_block(writer);
                if (r < 0)
                        return r;
        }

        return 0;
}

int block_writer_flush(BlockWriter *writer)
{
        int r;

        r = block_writer_end_block(writer);
        return r < 0 ? r : write_buffer(writer);
}

int block_write(int fd, uint64_t number, const uint8_t content[static BLOCK_CONTENT])
{
        uint32_t checksum = block_checksum(number, content);
        uint8_t block[BLOCK_SIZE];
        ssize_t n;

        memcpy(block, content, BLOCK_CONTENT);
        memcpy(block + BLOCK_CONTENT, &checksum, sizeof(checksum));
        do
                n = pwrite(fd, block, sizeof(block), (off_t)(number * BLOCK_SIZE));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == sizeof(block) ? 0 : -ENOSPC;
}

/* ---- reading ---- */

static int read_some(int fd, uint64_t number, size_t n, uint8_t *blocks)
{
        size_t size = n * BLOCK_SIZE;

        for (size_t done = 0; done < size;) {
                ssize_t got =
                        pread(fd, blocks + done, size - done, (off_t)(number * BLOCK_SIZE + done));

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        return -EBADMSG;
                done += (size_t)got;
        }
        return 0;
}

/* Copies the content, if it is what the checksum says. */
static int take_content(const uint8_t *block, uint64_t number, uint8_t *content)
{
        uint32_t checksum = block_checksum(number, block);

        if (memcmp(block + BLOCK_CONTENT, &checksum, sizeof(checksum)) != 0)
                return -EBADMSG;
        memcpy(content, block, BLOCK_CONTENT);
        return 0;
}

int block_read_sparse(int fd, uint64_t number, uint8_t content[static BLOCK_CONTENT])
{
        static const uint8_t never_written[BLOCK_SIZE];
        uint8_t block[BLOCK_SIZE];
        int r;

        r = read_some(fd, number, 1, block);
        if (r < 0)
                return r;
        if (memcmp(block, never_written, sizeof(block)) == 0) {
                memset(content, 0, BLOCK_CONTENT);
                return 0;
        }
        return take_content(block, number, content);
}

int blocks_read(int fd, uint64_t number, size_t n, uint8_t *content)
{
        uint8_t blocks[16 * BLOCK_SIZE];
        const size_t most = sizeof(blocks) / BLOCK_SIZE;

        while (n > 0) {
                size_t some = n < most ? n : most;
                int r;

                r = read_some(fd, number, some, blocks);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < some; i++, number++, content += BLOCK_CONTENT) {
                        r = take_content(blocks + i * BLOCK_SIZE, number, content);
                        if (r < 0)
                                return r;
                }
                n -= some;
        }

        return 0;
}
