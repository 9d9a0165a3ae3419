/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Standard output, for a program that follows: buffered, and able to stand still without going
 * deaf. SIGINT and SIGTERM are blocked while we run (the event loop takes them), so a write that
 * blocks on a full pipe could not be interrupted; here it waits with the signals open.
 */

#include <stdbool.h>
#include <stdio.h>

typedef struct Output Output;

/* Borrows the fd. */
int output_new(int fd, Output **ret);
Output *output_free(Output *o);

FILE *output_file(Output *o);

/* Writes what is buffered. 0, or the negative errno of the first write that failed since the
 * beginning; -EPIPE: nobody reads any more. */
int output_flush(Output *o);

/* That errno, or 0, without writing. */
int output_error(const Output *o);

bool output_is_terminal(const Output *o);

/* Whether colors are welcome on this fd: a terminal that has them, and NO_COLOR is not set. */
bool output_wants_color(int fd);

static inline void output_freep(Output **o)
{
        output_free(*o);
}
