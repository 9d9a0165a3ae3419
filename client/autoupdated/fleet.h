/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which containers that want to be updated are up, and by which name each has its image: known from
 * our events, so that no engine is asked about an image that nobody uses. What the fleet says is
 * where to look, never what to do: that is decided by what the engine says then.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct Fleet Fleet;

int fleet_new(Fleet **ret);
Fleet *fleet_free(Fleet *f);

/* The container is up. -ENOMEM. */
int fleet_add(Fleet *f, const char *id, const char *image);

/* It is not, or not any more. */
void fleet_remove(Fleet *f, const char *id);

/* The engine was asked: what is added until fleet_keep_added() is all that there is. */
void fleet_begin(Fleet *f);
void fleet_keep_added(Fleet *f);

size_t fleet_count(const Fleet *f);

/* Whether an event that says this of an image may be about one that is used. Before the engine was
 * asked first, each may be. */
bool fleet_uses(const Fleet *f, const char *word);

static inline void fleet_freep(Fleet **f)
{
        fleet_free(*f);
}
