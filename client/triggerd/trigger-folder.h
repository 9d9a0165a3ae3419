/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * All triggers of the host, from these folders, as systemd reads units:
 *
 *   /etc/containers-events/triggers.d/       the administrator's
 *   /run/containers-events/triggers.d/       until the next boot
 *   /usr/lib/containers-events/triggers.d/   those of packages
 *
 * Of files with one name that of the first folder counts. Drop-ins stand in NAME.trigger.d/ of any
 * of the three.
 */

#include <stdbool.h>
#include <stddef.h>

#include "trigger-file.h"
#include "trigger.h"

typedef struct TriggerSet {
        Trigger **triggers; /* owned, each; sorted by name */
        size_t n;
} TriggerSet;

/* root stands before each folder; "" for the host's own. A file that cannot be read or understood
 * is a broken trigger. Returns -ENOMEM, or what is wrong with a folder. */
int trigger_set_load(const char *root, const TriggerReport *report, TriggerSet *ret);
void trigger_set_done(TriggerSet *set);

/* One file alone, wherever it stands, without drop-ins. It is broken if it cannot be read. */
int trigger_load_file(const char *path, const TriggerReport *report, Trigger **ret);

/* The trigger with that name, with or without ".trigger"; or NULL. */
const Trigger *trigger_set_find(const TriggerSet *set, const char *name);

/* Whether some loaded trigger starts that unit, for some event: what the trigger daemon may ask
 * systemd for. */
bool trigger_may_start(const TriggerSet *set, const char *unit);
