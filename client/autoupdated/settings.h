/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * autoupdated.conf and its drop-ins, checked. Nothing in it keeps the program from running: what is
 * unknown is told and left out; what is not valid keeps its default and is told; but a window that
 * is not valid is one that never opens.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Settings {
        char *podman; /* owned; found by PATH, or a path */
        bool dry_run;
        bool rollback;
        uint64_t settle_usec;       /* events within it are one question to the engine */
        uint64_t stable_usec;       /* so long a container runs before it counts as well */
        uint64_t health_usec;       /* so long one with a health check has to become healthy */
        uint64_t min_interval_usec; /* from one restart of a unit to its next update */
        uint64_t restart_usec;      /* systemd has for a restart */
        char *calendar;             /* owned; NULL: no window, any time will do */
        uint64_t window_usec;
} Settings;

/* What there is to tell, in a sentence. */
typedef void (*SettingsReport)(const char *sentence, void *userdata);

/* One file's text over what is set; name is for reports. -ENOMEM. */
int settings_parse(Settings *s, const char *name, const char *text, size_t length,
                   SettingsReport report, void *userdata);

/* file NULL: the default, CONFIG_DIR/autoupdated.conf or the user's own; its drop-ins are the files
 * FILE.d/X.conf. Returns -ENOMEM, -ENXIO if a user has no home. */
int settings_load(const char *file, bool user, SettingsReport report, void *userdata,
                  Settings *ret);

int settings_init(Settings *ret);
void settings_done(Settings *s);
