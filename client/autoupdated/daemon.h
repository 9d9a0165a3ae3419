/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The program: hears of containers and images, begins rounds, runs one update at a time.
 */

#include <stdbool.h>

#include "settings.h"

typedef struct Daemon Daemon;

typedef struct DaemonOptions {
        const Settings *settings; /* borrowed for as long as the daemon lives */
        const char *state_folder;
        bool user;
} DaemonOptions;

/* Says what is wrong itself. */
int daemon_new(const DaemonOptions *options, Daemon **ret);
Daemon *daemon_free(Daemon *d);

/* Until a signal ends it, with 0, or something that a restart may help. */
int daemon_run(Daemon *d);

static inline void daemon_freep(Daemon **d)
{
        daemon_free(*d);
}
