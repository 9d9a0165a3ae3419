/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a trigger would do with an event of the history: found out without starting anything, and
 * told for people or as JSON.
 */

#include <stdbool.h>

#include <containers-events.h>

#include "trigger-unit.h"
#include "trigger.h"

typedef struct TriggerOutcome {
        const Trigger *trigger; /* borrowed */
        cev_event *event;       /* owned; NULL: the trigger was looked at without one */

        bool *passes;    /* owned; for each filter, whether the event passes it alone */
        bool passes_all; /* and all together: the same key twice is either */

        char *unit;        /* owned; which it gives; NULL where the event decides */
        TriggerUnit state; /* owned; what systemd knows of that */
        char *file;        /* owned; path of the environment file */
        char *environment; /* owned; its text */
} TriggerOutcome;

void trigger_outcome_done(TriggerOutcome *o);

/* Why nothing would be started, as a sentence, or NULL. */
const char *trigger_outcome_obstacle(const TriggerOutcome *o);

int trigger_outcome_print(const TriggerOutcome *o);
int trigger_outcome_print_json(const TriggerOutcome *o);
