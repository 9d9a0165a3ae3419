/* SPDX-License-Identifier: Apache-2.0 */
#include "rate-limit.h"

static bool is_over(const RateLimit *r, uint64_t now_usec)
{
        return now_usec - r->begin_usec >= r->interval_usec;
}

bool rate_limit_take(RateLimit *r, uint64_t now_usec, uint64_t seq)
{
        if (r->interval_usec == 0)
                return true;
        if (r->started == 0 || is_over(r, now_usec)) {
                r->begin_usec = now_usec;
                r->started = 0;
        }
        if (r->started < r->burst) {
                r->started++;
                return true;
        }
        if (r->left_out == 0)
                r->first_seq = seq;
        r->last_seq = seq;
        r->left_out++;
        return false;
}

uint64_t rate_limit_record_at(const RateLimit *r)
{
        if (r->left_out == 0)
                return UINT64_MAX;
        return r->begin_usec > UINT64_MAX - r->interval_usec ? UINT64_MAX - 1
                                                             : r->begin_usec + r->interval_usec;
}

bool rate_limit_record(RateLimit *r, uint64_t now_usec, RateLimitRecord *ret)
{
        if (r->left_out == 0 || now_usec < rate_limit_record_at(r))
                return false;
        *ret = (RateLimitRecord){
                .left_out = r->left_out,
                .first_seq = r->first_seq,
                .last_seq = r->last_seq,
        };
        r->left_out = r->first_seq = r->last_seq = 0;
        return true;
}
