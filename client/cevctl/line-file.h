/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The lines of a file, which can be read more than once: what cannot be rewound, as a pipe, is kept
 * in a temporary file of its own. What is appended to the file while it is read is left out, so
 * that every reading gives the same lines.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct LineFile LineFile;

/* "-" is standard input. Returns a negative errno; -EISDIR for a folder. */
int line_file_open(const char *path, LineFile **ret);
LineFile *line_file_free(LineFile *l);

/* Begins again. */
int line_file_rewind(LineFile *l);

/* The next line, without its "\n", good until the next call. Returns 1; 0 at the end; -E2BIG for a
 * line that is longer than any event (the next call gives what comes behind it); or what went wrong
 * with the file. */
int line_file_next(LineFile *l, const char **ret, size_t *ret_length);

/* Of the line that was given last, from 1. */
uint64_t line_file_number(const LineFile *l);

static inline void line_file_freep(LineFile **l)
{
        line_file_free(*l);
}
