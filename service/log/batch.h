/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Batch: the lines that wait for their commit, oldest first, with numbers in a row. What they say
 * is not its business.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Batch {
        char *bytes; /* owned */
        size_t size, allocated;
        size_t n_lines;
        uint64_t first_seq; /* of the oldest line */

        /* Where batch_next() goes on, so that whoever reads along does not start at the oldest. */
        uint64_t next_seq;
        size_t next_offset;
} Batch;

void batch_done(Batch *batch);

/* Sees to it that one more line has room. Returns -ENOBUFS if all would be larger than "limit",
 * -ENOMEM. */
int batch_make_room(Batch *batch, size_t length, size_t limit);

/* A line, with its "\n", for which there is room. */
void batch_add(Batch *batch, uint64_t seq, const char *line, size_t length);

/* How many bytes the oldest lines take that fit into "limit" together; at least one does. The batch
 * must not be empty. */
size_t batch_piece(const Batch *batch, size_t limit, size_t *ret_n_lines);

/* Removes the oldest lines. */
void batch_remove(Batch *batch, size_t size, size_t n_lines);

/*
 * The first line with a greater number, without its "\n"; false if there is none. Valid until the
 * batch changes.
 */
bool batch_next(Batch *batch, uint64_t after_seq, const char **ret_line, size_t *ret_length,
                uint64_t *ret_seq);
