/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Manager: owns the loop, the history, the sources and the bus, and connects them. An event's way:
 * a source reads it, the manager appends it to the history, commits what has come together, and
 * tells the bus, whose emitter reads it from the history and publishes it.
 *
 * While the history cannot be written the service is degraded: events are numbered and published
 * from what waits for it, and it is tried again until it works. If their numbers cannot be made
 * safe either, or the history was never opened, the sources wait where they are.
 */

#include <stdbool.h>

typedef struct Manager Manager;

typedef struct ManagerOptions {
        bool user;               /* on the user's bus, not the system's */
        const char *config_file; /* NULL: the default */
} ManagerOptions;

/* Returns negative errno, with a log message. */
int manager_new(const ManagerOptions *options, Manager **ret);

/* Takes NULL; returns NULL. */
Manager *manager_free(Manager *manager);

static inline void manager_freep(Manager **manager)
{
        manager_free(*manager);
}

/* Runs until it is told to end. Returns the exit status, or negative errno. */
int manager_run(Manager *manager);
