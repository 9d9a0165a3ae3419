/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * LineCheck: whether a line of a segment is a record that belongs there. Who checks a segment and
 * who rewrites one go by it, so that what is left after a repair is found good.
 */

#include <stddef.h>
#include <stdint.h>

#include "log/record-parser.h"

typedef enum LineVerdict {
        LINE_GOOD,
        LINE_DAMAGED,   /* not intact */
        LINE_NO_EVENT,  /* intact, but not to be understood */
        LINE_UNORDERED, /* its number is not greater than the one before */
        LINE_STRAY,     /* its number is of another segment */
} LineVerdict;

/* Begins with the two numbers, and zeros. */
typedef struct LineCheck {
        uint64_t first_seq; /* of the segment */
        uint64_t next_seq;  /* of the next one; UINT64_MAX if there is none */
        uint64_t last_seq;  /* of the last good line; 0: none yet */
        RecordParser parser;
} LineCheck;

/*
 * The line is without its "\n", and NULL if it was too long. The event is valid until the next
 * call, and NULL for a line without one. Returns a LineVerdict or -ENOMEM.
 */
int line_check(LineCheck *check, const char *line, size_t length, const EventFields **ret_event);

void line_check_done(LineCheck *check);
