/* SPDX-License-Identifier: Apache-2.0 */
#include "log/index-plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Of one term of a filter: a name, a network's name and an ID. */
#define TERMS_OF_FILTER_TERM 3

static bool is_plain(const char *text)
{
        /* What JSON writes as it is; in doubt it is not. */
        for (const char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\' || *p == '/' || *p == 0x7f)
                        return false;

        return true;
}

/* ---- terms ---- */

static void add_term(IndexClause *clause, IndexKind kind, const char *text, size_t length)
{
        clause->terms[clause->n_terms++] = (IndexTerm){
                .kind = kind,
                .text = text,
                .length = length,
        };
}

/* A text that stands in the line as it is. */
static void add_literal(IndexClause *clause, IndexKind kind, const char *text, size_t length)
{
        add_term(clause, kind, text, length);
        if (is_plain(text))
                clause->terms[clause->n_terms - 1].needle = text;
}

static void add_number(IndexClause *clause, IndexKind kind, int64_t number)
{
        IndexTerm *term = clause->terms + clause->n_terms;

        add_term(clause, kind, NULL, 0);
        term->length = (size_t)snprintf(term->number, sizeof(term->number), "%" PRIi64, number);
}

/* The start of an ID. Returns false if it is too short to tell. */
static bool add_id(IndexClause *clause, IndexKind in_short, IndexKind in_long, const char *id)
{
        const char *text = index_id_text(id);
        size_t length = strlen(text);
        IndexTerm *term = clause->terms + clause->n_terms;

        /* It may be the start of what index_id_text() leaves out. */
        if (length < INDEX_ID_SHORT_LENGTH || strncmp("sha256:", id, strlen(id)) == 0)
                return false;
        if (length < INDEX_ID_LONG_LENGTH)
                add_term(clause, in_short, text, INDEX_ID_SHORT_LENGTH);
        else
                add_term(clause, in_long, text, INDEX_ID_LONG_LENGTH);
        if (is_plain(text))
                term->needle = text;
        return true;
}

static bool add_object(IndexClause *clause, const char *text)
{
        add_literal(clause, INDEX_NAME, text, strlen(text));
        return add_id(clause, INDEX_ID_SHORT, INDEX_ID_LONG, text);
}

static void add_label(IndexClause *clause, const FilterTerm *term)
{
        add_literal(clause, INDEX_LABEL, term->text, strlen(term->text));
        if (term->label_value) {
                IndexTerm *added = clause->terms + clause->n_terms - 1;

                added->kind = INDEX_LABEL_VALUE;
                added->value = term->label_value;
                added->needle = is_plain(term->label_value) && *term->label_value
                                        ? term->label_value
                                        : added->needle;
        }
        add_term(clause, INDEX_MANY_LABELS, "", 0);
}

/* Adds what a positive term of a filter asks for. Returns false if an index cannot tell. */
static bool add_filter_term(IndexClause *clause, const FilterTerm *term)
{
        switch (term->key) {
        case FILTER_TYPE:
                add_term(clause, INDEX_TYPE, term->text, strlen(term->text));
                return true;
        case FILTER_EVENT:
                add_term(clause, INDEX_STATUS, term->text, strlen(term->text));
                return true;
        case FILTER_CONTAINER:
        case FILTER_IMAGE:
        case FILTER_POD:
        case FILTER_NETWORK:
                return add_object(clause, term->text);
        case FILTER_NAME:
                add_literal(clause, INDEX_NAME, term->text, strlen(term->text));
                return true;
        case FILTER_ID:
                return add_id(clause, INDEX_ID_SHORT, INDEX_ID_LONG, term->text);
        case FILTER_EXEC:
                return add_id(clause, INDEX_EXEC_SHORT, INDEX_EXEC_LONG, term->text);
        case FILTER_ENGINE:
                add_term(clause, INDEX_ENGINE, term->text, strlen(term->text));
                return true;
        case FILTER_EXIT_CODE:
                add_number(clause, INDEX_EXIT_CODE, term->number);
                return true;
        case FILTER_UID:
                add_number(clause, INDEX_UID, term->number);
                return true;
        case FILTER_LABEL:
                add_label(clause, term);
                return true;
        case FILTER_VOLUME:
                break;
        }
        return false;
}

/* ---- clauses ---- */

/* Adds a clause with room for so many terms of a filter. */
static int add_clause(IndexPlan *plan, size_t n, IndexClause **ret)
{
        IndexClause *clauses, *clause;

        clauses = reallocarray(plan->clauses, plan->n_clauses + 1, sizeof(IndexClause));
        if (!clauses)
                return -ENOMEM;
        plan->clauses = clauses;
        clause = clauses + plan->n_clauses;
        *clause = (IndexClause){ .terms = calloc(n * TERMS_OF_FILTER_TERM, sizeof(IndexTerm)) };
        if (!clause->terms)
                return -ENOMEM;

        plan->n_clauses++;
        *ret = clause;
        return 0;
}

static void drop_last_clause(IndexPlan *plan)
{
        free(plan->clauses[--plan->n_clauses].terms);
}

/* The key names the type of object that it is about. */
static bool names_type(FilterKey key)
{
        return key == FILTER_CONTAINER || key == FILTER_IMAGE || key == FILTER_POD ||
               key == FILTER_VOLUME || key == FILTER_NETWORK;
}

static bool is_asked(FilterKey key, const FilterTerm *terms, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (terms[i].key == key && !terms[i].negative)
                        return true;

        return false;
}

/* The terms of one key, of which one must hold. */
static int plan_key(IndexPlan *plan, FilterKey key, const FilterTerm *terms, size_t n)
{
        bool all_told = true;
        IndexClause *clause;
        int r;

        if (!is_asked(key, terms, n))
                return 0;
        r = add_clause(plan, n, &clause);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (terms[i].key == key && !terms[i].negative)
                        all_told = add_filter_term(clause, terms + i) && all_told;
        if (!all_told)
                drop_last_clause(plan);

        if (names_type(key)) {
                r = add_clause(plan, 1, &clause);
                if (r < 0)
                        return r;
                add_term(clause, INDEX_TYPE, filter_key_name(key), strlen(filter_key_name(key)));
        }
        return 0;
}

/* Labels must all hold. */
static int plan_labels(IndexPlan *plan, const FilterTerm *terms, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                IndexClause *clause;
                int r;

                if (terms[i].key != FILTER_LABEL || terms[i].negative)
                        continue;
                r = add_clause(plan, 1, &clause);
                if (r < 0)
                        return r;
                add_label(clause, terms + i);
        }
        return 0;
}

int index_plan_make(const Filter *filter, IndexPlan *ret)
{
        const FilterTerm *terms;
        IndexPlan plan = {};
        size_t n = 0;
        int r = 0;

        terms = filter ? filter_terms(filter, &n) : NULL;
        for (FilterKey key = FILTER_TYPE; key < FILTER_LABEL && r >= 0 && n > 0; key++)
                r = plan_key(&plan, key, terms, n);
        if (r >= 0)
                r = plan_labels(&plan, terms, n);
        if (r < 0) {
                index_plan_done(&plan);
                return r;
        }

        *ret = plan;
        return 0;
}

void index_plan_done(IndexPlan *plan)
{
        for (size_t i = 0; i < plan->n_clauses; i++)
                free(plan->clauses[i].terms);
        free(plan->clauses);
        *plan = (IndexPlan){};
}

/* ---- asking ---- */

uint64_t index_term_key(const IndexTerm *term, uint64_t seed)
{
        if (term->kind == INDEX_LABEL_VALUE)
                return index_key_label(seed, term->text, term->value);
        return index_key(seed, term->kind, term->text ? term->text : term->number, term->length);
}

static bool clause_may_match(const IndexClause *clause, const char *line, size_t length)
{
        for (size_t i = 0; i < clause->n_terms; i++) {
                const char *needle = clause->terms[i].needle;

                if (!needle || memmem(line, length, needle, strlen(needle)))
                        return true;
        }
        return false;
}

bool index_plan_may_match(const IndexPlan *plan, const char *line, size_t length)
{
        for (size_t i = 0; i < plan->n_clauses; i++)
                if (!clause_may_match(plan->clauses + i, line, length))
                        return false;

        return true;
}
