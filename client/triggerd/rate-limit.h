/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * At most so many starts in so much time, and an account of those that were left out. The clock is
 * the caller's, and may be any that does not go back. All fields are plain numbers, so that it can
 * be stored as it is.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct RateLimit {
        uint64_t interval_usec; /* 0: no limit */
        unsigned burst;

        uint64_t begin_usec; /* of the interval that runs; with started > 0 */
        unsigned started;    /* in it */

        uint64_t left_out;            /* events, since the last record of it */
        uint64_t first_seq, last_seq; /* of those */
} RateLimit;

typedef struct RateLimitRecord {
        uint64_t left_out;
        uint64_t first_seq, last_seq;
} RateLimitRecord;

/* Whether the event may start its unit now; if not it is counted. */
bool rate_limit_take(RateLimit *r, uint64_t now_usec, uint64_t seq);

/* When a record of what was left out is due: at the end of the interval. UINT64_MAX: nothing was.
 */
uint64_t rate_limit_record_at(const RateLimit *r);

/* Gives the record if it is due, and forgets it. To be asked before rate_limit_take(), too, so that
 * one record stands for one interval. */
bool rate_limit_record(RateLimit *r, uint64_t now_usec, RateLimitRecord *ret);
