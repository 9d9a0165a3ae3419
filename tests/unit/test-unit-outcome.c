/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a job, by what its unit does now. */
#include "tap.h"
#include "unit-outcome.h"

static const sd_id128_t old =
        SD_ID128_MAKE(11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11);
static const sd_id128_t fresh =
        SD_ID128_MAKE(22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22);

static const struct {
        const char *label;
        uint32_t id;
        bool restart;
        bool had_run;
        const char *active_state;
        const sd_id128_t *invocation;
        uint32_t job;
        UnitOutcome outcome;
        const char *word;
} rows[] = {
        { "our job is queued", 7, false, true, "inactive", &old, 7, UNIT_OUTCOME_PENDING },
        { "a job whose number we were not told", 0, false, true, "inactive", &old, 8,
          UNIT_OUTCOME_PENDING },
        { "a start that ended while another job waits", 7, false, true, "active", &fresh, 8,
          UNIT_OUTCOME_ENDED, "done" },
        { "it runs", 7, false, false, "active", &fresh, 0, UNIT_OUTCOME_ENDED, "done" },
        { "it ran and failed", 7, false, true, "failed", &fresh, 0, UNIT_OUTCOME_ENDED, "failed" },
        { "it ran and ended", 7, false, false, "inactive", &fresh, 0, UNIT_OUTCOME_ENDED, "done" },
        { "nobody answered, and it runs", 0, false, false, "activating", &fresh, 0,
          UNIT_OUTCOME_ENDED, "done" },
        { "a start of what ran before", 0, false, true, "active", &old, 0, UNIT_OUTCOME_ENDED,
          "done" },
        { "a restart that nobody took", 0, true, true, "active", &old, 0, UNIT_OUTCOME_UNTAKEN },
        { "a start that nobody took", 0, false, true, "failed", &old, 0, UNIT_OUTCOME_UNTAKEN },
        { "a restart that was canceled", 7, true, true, "active", &old, 0, UNIT_OUTCOME_ENDED,
          "canceled" },
        { "a start that was canceled", 7, false, true, "inactive", &old, 0, UNIT_OUTCOME_ENDED,
          "canceled" },
        { "a start that could not be", 7, false, true, "failed", &old, 0, UNIT_OUTCOME_ENDED,
          "failed" },
        { "it is not loaded any more", 7, false, true, "inactive", NULL, 0, UNIT_OUTCOME_UNKNOWN },
        { "not loaded, and nobody answered", 0, false, false, "inactive", NULL, 0,
          UNIT_OUTCOME_UNKNOWN },
        { "what is no service has no invocation", 7, false, false, "active", NULL, 0,
          UNIT_OUTCOME_ENDED, "done" },
};

int main(void)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                UnitJobView job = { .id = rows[i].id, .restart = rows[i].restart };
                UnitState state = { .active_state = rows[i].active_state, .job = rows[i].job };
                const char *word = NULL;

                if (rows[i].had_run)
                        job.before = old;
                if (rows[i].invocation)
                        state.invocation = *rows[i].invocation;
                tap_eq_int(unit_outcome(&job, &state, &word), rows[i].outcome, "%s", rows[i].label);
                tap_eq_str(word, rows[i].word, "%s: the word", rows[i].label);
        }
        return tap_done();
}
