/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lives laid out in columns: one cell a column, each a stretch of time. Pure: what a cell looks
 * like is the business of timeline-draw.h.
 *
 * A cell shows the most remarkable state that it has a moment of, so that nothing is too short to
 * be seen. A death stands in its cell, with its exit code in the cells behind it, as far as they
 * are free of other marks; if the code does not fit whole it is left out, for half of it would be
 * another one.
 */

#include <stddef.h>
#include <stdint.h>

#include "lives.h"

typedef enum CellMark {
        CELL_PLAIN,     /* the state */
        CELL_DIED,      /* with another code than 0 */
        CELL_ENDED,     /* with 0 */
        CELL_RESTARTED, /* died and started again, or was started while it was up */
        CELL_TEXT,      /* of the mark before it */
} CellMark;

typedef struct Cell {
        uint8_t state; /* LifeState */
        uint8_t mark;  /* CellMark */
        char text;     /* of CELL_TEXT */
} Cell;

/* Which stretch of time the columns show. */
typedef struct Scale {
        uint64_t since_nsec;
        uint64_t until_nsec; /* later than since_nsec */
        uint64_t now_nsec;   /* nothing is drawn behind it */
        size_t n_columns;    /* at least 1 */
} Scale;

/* The column that shows a time in [since, until). */
size_t scale_column(const Scale *scale, uint64_t time_nsec);

/* Fills n_columns cells. Returns -ENOMEM. */
int timeline_layout(const Life *life, const Scale *scale, Cell *cells);
