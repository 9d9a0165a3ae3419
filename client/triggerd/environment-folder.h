/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folder of the environment files, which systemd reads as root when it starts a unit. The first
 * line of each is a comment with the unit's name, for that of the file does not give it.
 */

typedef struct EnvironmentFolder EnvironmentFolder;

/* Makes the folder if it is not there; its parent must be. */
int environment_folder_open(const char *path, EnvironmentFolder **ret);
EnvironmentFolder *environment_folder_close(EnvironmentFolder *folder);

int environment_folder_write(EnvironmentFolder *folder, const char *file, const char *unit,
                             const char *text);
void environment_folder_remove(EnvironmentFolder *folder, const char *file);

/* Calls for each file that is there, with its unit; one of which that is not known is removed. */
int environment_folder_for_each(EnvironmentFolder *folder,
                                int (*each)(const char *file, const char *unit, void *userdata),
                                void *userdata);
