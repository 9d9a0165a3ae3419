/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A table of text for a terminal: columns as wide as their widest cell, numbers to the right.
 * Cells are escaped, since they may come from the bus.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct Table Table;

/* The titles are borrowed; one that begins with ">" is of a column of numbers. */
int table_new(const char *const *titles, size_t n_columns, Table **ret);
Table *table_free(Table *t);

/* The next cell, row by row; color is NULL or the sequence that begins it. */
int table_add(Table *t, const char *text, const char *color);

void table_print(const Table *t, FILE *f, bool color);

static inline void table_freep(Table **t)
{
        table_free(*t);
}
