/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * IndexPlan: what of a filter an index can tell, as keys: all clauses must hold, and of each clause
 * at least one term. What it cannot tell (negative terms, a single letter of an ID) is left out:
 * the filter itself has the last word on every event.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/index-key.h"
#include "model/filter.h"

/* A decimal number and its NUL. */
#define INDEX_PLAN_NUMBER_SIZE 24

typedef struct IndexTerm {
        IndexKind kind;
        const char *text; /* weak: in the filter, or number; NULL: the number */
        size_t length;
        const char *value;  /* weak; of INDEX_LABEL_VALUE */
        const char *needle; /* weak: stands in every line that has the key; NULL: not known */
        char number[INDEX_PLAN_NUMBER_SIZE];
} IndexTerm;

typedef struct IndexClause {
        IndexTerm *terms; /* owned */
        size_t n_terms;
} IndexClause;

typedef struct IndexPlan {
        IndexClause *clauses; /* owned */
        size_t n_clauses;
} IndexPlan;

/* The filter must outlive the plan; NULL is one without terms. Returns -ENOMEM. */
int index_plan_make(const Filter *filter, IndexPlan *ret);
void index_plan_done(IndexPlan *plan);

uint64_t index_term_key(const IndexTerm *term, uint64_t seed);

/* Whether a line may match, by what stands in it: a search for bytes, far cheaper than to parse. */
bool index_plan_may_match(const IndexPlan *plan, const char *line, size_t length);
