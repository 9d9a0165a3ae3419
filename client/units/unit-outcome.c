/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-outcome.h"

#include <string.h>

static UnitOutcome ended(const char *word, const char **ret)
{
        *ret = word;
        return UNIT_OUTCOME_ENDED;
}

UnitOutcome unit_outcome(const UnitJobView *job, const UnitState *state, const char **ret)
{
        bool failed = strcmp(state->active_state, "failed") == 0;
        bool inactive = strcmp(state->active_state, "inactive") == 0;

        /* Another job than ours is there: ours has ended, or it was merged into that. */
        if (state->job != 0 && (job->id == 0 || job->id == state->job))
                return UNIT_OUTCOME_PENDING;

        if (!sd_id128_is_null(state->invocation) && !sd_id128_equal(state->invocation, job->before))
                return ended(failed ? "failed" : "done", ret);

        /* There was no start, as far as we can see. What runs needed none. */
        if (!failed && !inactive && !job->restart)
                return ended("done", ret);
        if (sd_id128_is_null(state->invocation))
                return UNIT_OUTCOME_UNKNOWN;
        if (job->id == 0)
                return UNIT_OUTCOME_UNTAKEN;
        return ended(failed ? "failed" : "canceled", ret);
}
