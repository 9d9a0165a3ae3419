/* SPDX-License-Identifier: Apache-2.0 */
#include "log/retention.h"

#include "model/timestamp.h"

static uint64_t age(uint64_t now, uint64_t then)
{
        return now > then ? now - then : 0;
}

/* Whether the active segment, which has events, is to be sealed, so that it can be too old. */
static bool is_to_seal(const RetentionLimits *limits, const RetentionView *view)
{
        const Segment *last = view->segments + view->n_segments - 1;

        return limits->max_age_nsec > 0 && last->active && last->started_nsec > 0 &&
               age(view->now_nsec, last->started_nsec) > limits->max_age_nsec / RETENTION_AGE_PARTS;
}

/* Only ever the oldest: exit codes are kept in order. */
static bool is_expired(const RetentionLimits *limits, const RetentionView *view)
{
        const Segment *oldest = view->segments;

        return limits->max_age_nsec > 0 && !oldest->active && oldest->written_nsec > 0 &&
               age(view->now_nsec, oldest->written_nsec) > limits->max_age_nsec;
}

static bool find_thick(const RetentionView *view, size_t *ret_index)
{
        for (size_t i = 0; i + RETENTION_FLOOR < view->n_segments; i++) {
                if (view->segments[i].active || view->segments[i].thinned)
                        continue;
                *ret_index = i;
                return true;
        }
        return false;
}

RetentionStep retention_next(const RetentionLimits *limits, const RetentionView *view,
                             size_t *ret_index)
{
        uint64_t size = 0;
        bool too_large, too_full;

        if (view->n_segments == 0)
                return RETENTION_NOTHING;
        if (is_expired(limits, view)) {
                *ret_index = 0;
                return RETENTION_AGE;
        }
        if (is_to_seal(limits, view)) {
                *ret_index = view->n_segments - 1;
                return RETENTION_SEAL;
        }

        for (size_t i = 0; i < view->n_segments; i++)
                size += view->segments[i].size;
        too_large = size > limits->max_size;
        too_full = view->free < limits->keep_free;
        if (!too_large && (!too_full || view->n_segments <= RETENTION_FLOOR))
                return RETENTION_NOTHING;
        if (find_thick(view, ret_index))
                return RETENTION_THIN;
        if (view->segments[0].active)
                return RETENTION_NOTHING;
        *ret_index = 0;
        return RETENTION_SPACE;
}

bool retention_exits_expired(const Segment *exits, size_t n, uint64_t now_nsec)
{
        uint64_t size = 0, n_newer = 0;

        if (n == 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                size += exits[i].size;
                n_newer += i > 0 ? exits[i].n_execs : 0;
        }
        if (size > RETENTION_EXITS_SIZE)
                return true;
        return n_newer >= RETENTION_EXITS_EXECS &&
               age(now_nsec, exits[0].written_nsec) > RETENTION_EXITS_NSEC;
}

bool retention_may_merge(const RetentionLimits *limits, const Segment *base, const Segment *next)
{
        return !base->active && base->thinned &&
               (limits->max_age_nsec == 0 || age(next->written_nsec, base->written_nsec) <=
                                                     limits->max_age_nsec / RETENTION_AGE_PARTS);
}
