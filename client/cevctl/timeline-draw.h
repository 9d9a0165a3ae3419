/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lives drawn on a terminal: a time axis, a row for each, and what the characters mean. And the
 * same as JSON, one object a line.
 */

#include <stdbool.h>
#include <stdio.h>

#include "lives.h"
#include "timeline-layout.h"

typedef struct DrawOptions {
        size_t width; /* columns in all */
        bool utf8;
        bool color;
} DrawOptions;

/* n_columns of the scale is set here: what the names leave. */
int timeline_draw(FILE *f, const Life *const *lives, size_t n, Scale scale,
                  const DrawOptions *options);

int timeline_print_json(FILE *f, const Life *const *lives, const Scale *scale);
