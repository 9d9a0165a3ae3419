/* SPDX-License-Identifier: Apache-2.0 */
#include "log/candidates.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Another clause is looked up only if it is not so much longer that reading the few lines that the
 * first one leaves is cheaper. */
#define WORTH_SHARE 16

/* Ascending offsets of lines. */
typedef struct Offsets {
        uint32_t *list; /* owned */
        size_t n;
} Offsets;

/* The postings of all terms of a clause. */
typedef struct Found {
        IndexPostings *postings; /* owned, and so are they */
        size_t n;
        uint64_t count;
        bool dense;
} Found;

static void offsets_done(Offsets *offsets)
{
        free(offsets->list);
        *offsets = (Offsets){};
}

static void found_done(Found *found)
{
        for (size_t i = 0; i < found->n; i++)
                index_postings_done(found->postings + i);
        free(found->postings);
        *found = (Found){};
}

void candidates_done(Candidates *candidates)
{
        free(candidates->ranges);
        *candidates = (Candidates){};
}

int candidates_add(Candidates *candidates, uint64_t start, uint64_t end)
{
        LineRange *last = candidates->ranges + candidates->n - (candidates->n > 0);

        if (candidates->n > 0 && last->end == start) {
                last->end = end;
                return 0;
        }
        if (candidates->n == candidates->allocated) {
                size_t size = candidates->allocated > 0 ? candidates->allocated * 2 : 16;
                LineRange *ranges = reallocarray(candidates->ranges, size, sizeof(LineRange));

                if (!ranges)
                        return -ENOMEM;
                candidates->ranges = ranges;
                candidates->allocated = size;
        }

        candidates->ranges[candidates->n++] = (LineRange){ start, end };
        return 0;
}

/* ---- by key ---- */

static int find_clause(const Index *index, const IndexClause *clause, Found *ret)
{
        Found found = {};

        found.postings = calloc(clause->n_terms, sizeof(IndexPostings));
        if (!found.postings)
                return -ENOMEM;
        for (; found.n < clause->n_terms && !found.dense; found.n++) {
                uint64_t key = index_term_key(clause->terms + found.n, index_seed(index));
                int r;

                r = index_find(index, key, found.postings + found.n);
                if (r < 0) {
                        found_done(&found);
                        return r;
                }
                found.count += found.postings[found.n].count;
                found.dense = found.postings[found.n].dense;
        }

        *ret = found;
        return 0;
}

static int compare_offsets(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return x < y ? -1 : x > y;
}

/* All lines of a clause, each once. */
static int decode_found(const Found *found, Offsets *ret)
{
        unsigned n_lists = 0;
        Offsets offsets = {};
        size_t n = 0;

        offsets.list = calloc(found->count + 1, sizeof(uint32_t));
        if (!offsets.list)
                return -ENOMEM;
        for (size_t i = 0; i < found->n; i++) {
                int r;

                r = index_postings_decode(found->postings + i, offsets.list + n);
                if (r < 0) {
                        offsets_done(&offsets);
                        return r;
                }
                n += found->postings[i].count;
                n_lists += found->postings[i].count > 0;
        }
        if (n_lists > 1)
                qsort(offsets.list, n, sizeof(uint32_t), compare_offsets);
        for (size_t i = 0; i < n; i++)
                if (offsets.n == 0 || offsets.list[offsets.n - 1] != offsets.list[i])
                        offsets.list[offsets.n++] = offsets.list[i];

        *ret = offsets;
        return 0;
}

static void intersect(Offsets *offsets, const Offsets *other)
{
        size_t n = 0, j = 0;

        for (size_t i = 0; i < offsets->n; i++) {
                while (j < other->n && other->list[j] < offsets->list[i])
                        j++;
                if (j < other->n && other->list[j] == offsets->list[i])
                        offsets->list[n++] = offsets->list[i];
        }
        offsets->n = n;
}

/* What all that was found has in common, beginning with the shortest. */
static int join(const Found *found, size_t n, size_t shortest, Offsets *ret)
{
        Offsets offsets;
        int r;

        r = decode_found(found + shortest, &offsets);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && offsets.n > 0; i++) {
                Offsets other;

                if (i == shortest || found[i].dense || found[i].count / WORTH_SHARE > offsets.n)
                        continue;
                r = decode_found(found + i, &other);
                if (r < 0) {
                        offsets_done(&offsets);
                        return r;
                }
                intersect(&offsets, &other);
                offsets_done(&other);
        }

        *ret = offsets;
        return 0;
}

static int join_all(const Found *found, size_t n, Offsets *ret)
{
        size_t shortest = n;
        int r;

        for (size_t i = 0; i < n; i++)
                if (!found[i].dense && (shortest == n || found[i].count < found[shortest].count))
                        shortest = i;
        if (shortest == n)
                return 0;

        r = join(found, n, shortest, ret);
        return r < 0 ? r : 1;
}

/* Returns 1 with the lines that have the keys, or 0 if the keys do not narrow it. */
static int find_by_keys(const Index *index, const IndexPlan *plan, Offsets *ret)
{
        Found *found;
        size_t n = 0;
        int r = 0;

        if (plan->n_clauses == 0)
                return 0;
        found = calloc(plan->n_clauses, sizeof(Found));
        if (!found)
                return -ENOMEM;
        /* A clause that nothing fits ends it. */
        while (n < plan->n_clauses && r >= 0 &&
               (n == 0 || found[n - 1].dense || found[n - 1].count > 0)) {
                r = find_clause(index, plan->clauses + n, found + n);
                n += r >= 0;
        }
        if (r >= 0)
                r = join_all(found, n, ret);

        for (size_t i = 0; i < n; i++)
                found_done(found + i);
        free(found);
        return r;
}

/* ---- by time and number ---- */

static bool mark_passes(const IndexMark *mark, const IndexMark *next, const CandidateBounds *bounds)
{
        if (mark->max_nsec < bounds->since_nsec)
                return false;
        if (bounds->until_nsec > 0 && mark->min_nsec >= bounds->until_nsec)
                return false;
        return !next || next->first_seq > bounds->after_seq + 1;
}

static bool summary_passes(const IndexSummary *summary, const CandidateBounds *bounds)
{
        return summary->n_records > 0 && summary->last_seq > bounds->after_seq &&
               summary->max_nsec >= bounds->since_nsec &&
               (bounds->until_nsec == 0 || summary->min_nsec < bounds->until_nsec);
}

/* Whether every record is within the bounds. */
static bool summary_is_within(const IndexSummary *summary, const CandidateBounds *bounds)
{
        return summary->first_seq > bounds->after_seq && summary->min_nsec >= bounds->since_nsec &&
               (bounds->until_nsec == 0 || summary->max_nsec < bounds->until_nsec);
}

static int find_by_marks(const Index *index, const CandidateBounds *bounds, Candidates *ret)
{
        _cleanup_free_ IndexMark *owned = NULL;
        const IndexMark *marks;
        size_t n;
        int r;

        r = index_marks(index, &marks, &n, &owned);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                const IndexMark *next = i + 1 < n ? marks + i + 1 : NULL;

                if (!mark_passes(marks + i, next, bounds))
                        continue;
                r = candidates_add(ret, marks[i].offset,
                                   next ? next->offset : index_summary(index)->size);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* ---- together ---- */

/* The lines that lie in a range, each as a range of its own. */
static int pick(const Offsets *offsets, const Candidates *ranges, Candidates *ret)
{
        size_t i = 0;

        for (size_t j = 0; j < ranges->n; j++) {
                while (i < offsets->n && offsets->list[i] < ranges->ranges[j].start)
                        i++;
                for (; i < offsets->n && offsets->list[i] < ranges->ranges[j].end; i++) {
                        int r;

                        r = candidates_add(ret, offsets->list[i], (uint64_t)offsets->list[i] + 1);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int find(const Index *index, const IndexPlan *plan, const CandidateBounds *bounds,
                Offsets *offsets, Candidates *ranges, Candidates *result)
{
        const IndexSummary *summary = index_summary(index);
        int r, by_keys;

        by_keys = find_by_keys(index, plan, offsets);
        if (by_keys < 0)
                return by_keys;
        if (by_keys > 0 && offsets->n == 0)
                return 0;
        r = summary_is_within(summary, bounds) ? candidates_add(ranges, 0, summary->size)
                                               : find_by_marks(index, bounds, ranges);
        if (r < 0)
                return r;

        if (by_keys > 0)
                return pick(offsets, ranges, result);
        *result = *ranges;
        *ranges = (Candidates){};
        return 0;
}

int candidates_find(const Index *index, const IndexPlan *plan, const CandidateBounds *bounds,
                    Candidates *ret)
{
        Candidates ranges = {}, result = {};
        Offsets offsets = {};
        int r = 0;

        if (summary_passes(index_summary(index), bounds))
                r = find(index, plan, bounds, &offsets, &ranges, &result);
        offsets_done(&offsets);
        candidates_done(&ranges);
        if (r < 0) {
                candidates_done(&result);
                return r;
        }

        *ret = result;
        return 0;
}
