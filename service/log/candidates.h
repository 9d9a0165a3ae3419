/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Candidates: the lines of one segment that may answer a question, as its index tells: by time, by
 * number and by the keys of a plan. What the index does not cover yet is not among them.
 */

#include <stddef.h>
#include <stdint.h>

#include "log/index-plan.h"
#include "log/index.h"

/* Lines that start in [start, end). */
typedef struct LineRange {
        uint64_t start, end;
} LineRange;

typedef struct Candidates {
        LineRange *ranges; /* owned; ascending */
        size_t n, allocated;
} Candidates;

/* since <= time < until, and 0 is no bound, as everywhere. */
typedef struct CandidateBounds {
        uint64_t after_seq;
        uint64_t since_nsec, until_nsec;
} CandidateBounds;

/* Returns -ENOMEM, or -EBADMSG (or another error of reading) for an index that is no good. */
int candidates_find(const Index *index, const IndexPlan *plan, const CandidateBounds *bounds,
                    Candidates *ret);
void candidates_done(Candidates *candidates);

/* One more range at the end; it joins the last one if it begins where that ends. */
int candidates_add(Candidates *candidates, uint64_t start, uint64_t end);
