/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Retention: what is to go next, so that a history stays within its bounds. Only decides; what is
 * done about it is in log/trimmer.h.
 *
 * When the history is too large or the disk too full, what repeats goes first (log/thinning.h),
 * from the oldest segment on, and whole segments go only when there is nothing of it any more: what
 * is rare is pushed out by what is rare alone. The newest sealed segment is not thinned: should the
 * active one be lost, it tells where the history ended.
 *
 * A segment's age is that of its newest event, counted from when it was recorded: the time that an
 * engine gives may be anything.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/segment.h"

/* For free space no more is removed when only so many segments are left: whoever fills the disk up
 * does not wipe the history out, too. */
#define RETENTION_FLOOR 2

/* With a limit to the age, the active segment is sealed when it is as old as this part of it. So
 * nothing stays longer than by that much. */
#define RETENTION_AGE_PARTS 8

/* Exit codes are kept until they are older than this and there are so many newer ones, of execs; */
#define RETENTION_EXITS_NSEC  (UINT64_C(90) * 24 * 3600 * NSEC_PER_SEC)
#define RETENTION_EXITS_EXECS 1000000
/* but all together take no more than this: a million execs take 340 MB, with IDs as engines make
 * them, which leaves room for 700,000 containers. */
#define RETENTION_EXITS_SIZE (UINT64_C(512) * 1024 * 1024)

typedef struct RetentionLimits {
        uint64_t max_size;     /* bytes */
        uint64_t max_age_nsec; /* 0: no limit */
        uint64_t keep_free;    /* bytes; 0: no limit */
} RetentionLimits;

/* How things stand. */
typedef struct RetentionView {
        uint64_t now_nsec;
        uint64_t free; /* bytes on the disk */
        const Segment *segments;
        size_t n_segments;
} RetentionView;

typedef enum RetentionStep {
        RETENTION_NOTHING,
        RETENTION_SEAL,  /* the active segment */
        RETENTION_THIN,  /* a segment */
        RETENTION_SPACE, /* remove a segment to make room */
        RETENTION_AGE,   /* remove a segment that is too old */
} RetentionStep;

/* The next step, and the index of the segment that it is about. */
RetentionStep retention_next(const RetentionLimits *limits, const RetentionView *view,
                             size_t *ret_index);

/* Whether the oldest of these segments of exit codes can go. */
bool retention_exits_expired(const Segment *exits, size_t n, uint64_t now_nsec);

/* Whether a small segment and the one behind it may become one: what is newer keeps the older from
 * going. */
bool retention_may_merge(const RetentionLimits *limits, const Segment *base, const Segment *next);
