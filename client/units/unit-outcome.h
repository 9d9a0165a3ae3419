/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What became of a job whose end we did not hear, by what the unit does now. Each start of a unit
 * has an invocation of its own, so that one that differs from what there was before proves a start.
 */

#include <stdbool.h>

#include "unit-state.h"

typedef enum UnitOutcome {
        UNIT_OUTCOME_PENDING, /* it is still queued, as state->job */
        UNIT_OUTCOME_ENDED,   /* as the word says that is returned */
        UNIT_OUTCOME_UNTAKEN, /* systemd never took it: it may be called for again */
        UNIT_OUTCOME_UNKNOWN, /* the unit is not loaded any more */
} UnitOutcome;

typedef struct UnitJobView {
        uint32_t id; /* 0: systemd has not said that it took it */
        bool restart;
        sd_id128_t before;
} UnitJobView;

/* The word is set with UNIT_OUTCOME_ENDED only. */
UnitOutcome unit_outcome(const UnitJobView *job, const UnitState *state, const char **ret);
