/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A trigger: which events start which unit, as a *.trigger file and its drop-ins declare it
 * (containers-events.trigger(5)).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TriggerState {
        TRIGGER_LOADED,
        TRIGGER_MASKED, /* an empty file or a link to /dev/null: it is not there on purpose */
        TRIGGER_BROKEN, /* not understood in full, so it does not run; "problem" says why */
} TriggerState;

typedef struct Trigger {
        char *name; /* owned; the file's name without ".trigger": [A-Za-z0-9:_.-], no first "." */
        char *path; /* owned; of the file that counts, below the root */
        char **drop_ins; /* owned, NULL-terminated, or NULL; paths, in the order they were read */
        TriggerState state;
        char *problem; /* owned; of a broken one a sentence with file and line, else NULL */

        /* What follows is meaningful in the state TRIGGER_LOADED alone. */
        char *description; /* owned; or NULL */
        char **filters;    /* owned, NULL-terminated, at least one; for the service to evaluate */
        char *unit;        /* owned; with specifiers, checked: unit_pattern_check() */

        /* At most so many starts in that time. Both are 0, for no limit, or neither is. */
        uint64_t rate_limit_interval_usec;
        unsigned rate_limit_burst;

        /* Events for one and the same unit that follow the first in that time start it once, for
         * the last of them. 0: each event has a start of its own. */
        uint64_t coalesce_usec;

        /* Whether events count that were recorded while nobody ran triggers. */
        bool catch_up;
} Trigger;

#define TRIGGER_SUFFIX ".trigger"

/* With the defaults. */
int trigger_new(const char *name, Trigger **ret);
Trigger *trigger_free(Trigger *t);

static inline void trigger_freep(Trigger **t)
{
        trigger_free(*t);
}
