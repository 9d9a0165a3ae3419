/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folder in which each trigger has a file that says how far it has come: NAME.state. A file is
 * replaced as a whole, and is on the disk when that returns.
 */

#include <stdbool.h>

#include "headway.h"

/* Where it is, if systemd does not say otherwise. */
#define STATE_FOLDER "/var/lib/containers-events-triggerd"
#define STATE_SUFFIX ".state"

typedef struct StateFolder StateFolder;

/* Makes the folder if it is not there; its parent must be. */
int state_folder_open(const char *path, StateFolder **ret);
StateFolder *state_folder_close(StateFolder *folder);

const char *state_folder_get_path(const StateFolder *folder);

/* -ENOENT: there is none; -EBADMSG: it is none of ours. */
int state_folder_load(StateFolder *folder, const char *trigger, Headway **ret);
int state_folder_store(StateFolder *folder, const char *trigger, const Headway *headway);
int state_folder_remove(StateFolder *folder, const char *trigger);

/* Removes the files of triggers that are not wanted any more. */
int state_folder_sweep(StateFolder *folder, bool (*wanted)(const char *trigger, void *userdata),
                       void *userdata);
