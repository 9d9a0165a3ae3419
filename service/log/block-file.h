/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * BlockFile: a file as a row of blocks that each end in a checksum, so that any piece can be read
 * alone and still be trusted. The checksum is over the number and the content of the block: one
 * that stands in a wrong place is found out too.
 */

#include <stddef.h>
#include <stdint.h>

/* A disk writes so many bytes at once or not at all, and reading more costs more than the call. */
#define BLOCK_SIZE 512

/* Behind it the CRC-32, little-endian. */
#define BLOCK_CONTENT 508

/* What is written at once. */
#define BLOCKS_PER_WRITE 128

typedef struct BlockWriter {
        int fd;            /* weak */
        uint64_t number;   /* of the block that is being filled */
        size_t used;       /* of its content */
        uint8_t *buffer;   /* owned: BLOCKS_PER_WRITE blocks */
        size_t n_buffered; /* whole blocks in it */
} BlockWriter;

int block_writer_init(BlockWriter *writer, int fd);
void block_writer_done(BlockWriter *writer);

int block_writer_put(BlockWriter *writer, const void *bytes, size_t size);

/* Fills the block up, unless nothing is in it yet. */
int block_writer_end_block(BlockWriter *writer);

/* Ends the block, and writes what was not yet written. */
int block_writer_flush(BlockWriter *writer);

/* Writes one block in place. */
int block_write(int fd, uint64_t number, const uint8_t content[static BLOCK_CONTENT]);

/* Reads one block; one that was never written, all zeros, is intact too. */
int block_read_sparse(int fd, uint64_t number, uint8_t content[static BLOCK_CONTENT]);

/* Reads "n" blocks from a number on; their contents follow each other in "content". Returns
 * -EBADMSG if one is not intact or not there. */
int blocks_read(int fd, uint64_t number, size_t n, uint8_t *content);
