/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files of the journal that sd-journal leaves out: it passes over what is damaged, and over what
 * may not be read, without a word. But it keeps open what it reads.
 */

#include <limits.h>
#include <stdbool.h>

/* Where journald keeps its files, each in a folder that has the machine's ID. */
#define PODMAN_JOURNAL_FOLDERS 2
extern const char *const podman_journal_folders[PODMAN_JOURNAL_FOLDERS];

/* The folder of this machine; the caller owns it. Returns -ENOMEM. */
int podman_journal_folder(unsigned which, char **ret);

/*
 * How many files of the journal this process has not open, and the path of one of them. "user": of
 * those that a user's view has, as far as the user may read them. Returns negative errno.
 */
int podman_journal_files_left_out(bool user, char path[static PATH_MAX]);
