/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which containers are updated when their image changes, and what became of it: from the history
 * alone, which has their labels and what containers-events-autoupdated did. Containers are added
 * first, then outcomes, each in their order.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

typedef struct Updates Updates;

/* Strings are never NULL. */
typedef struct UpdateRow {
        char *unit, *container, *id, *policy, *image; /* owned */
        bool running;

        /* The last outcome, if there was one: updated, rolled-back, failed or pending. */
        char *result, *error, *old_image, *new_image; /* owned */
        uint64_t time_nsec;

        uint64_t pending_nsec; /* since when it waits for its update; 0: it does not */
} UpdateRow;

/* Of whose containers, where the history has those of more than one. */
int updates_new(uint32_t uid, Updates **ret);
Updates *updates_free(Updates *u);

int updates_add_container(Updates *u, const Event *e);
int updates_add_outcome(Updates *u, const Event *e);

/* What runs, and what does not because its update failed; sorted by unit and container. */
void updates_list(Updates *u, const UpdateRow **ret, size_t *ret_n);

static inline void updates_freep(Updates **u)
{
        updates_free(*u);
}
