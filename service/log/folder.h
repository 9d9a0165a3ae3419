/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folder of the history: made, and held by one writer.
 */

#include <dirent.h>
#include <stdint.h>

/* Makes the folder and those above it; the history is closed to others. */
int folder_make(const char *directory);

/*
 * Opens the folder and locks it for as long as the descriptor is open, which the caller owns.
 * Returns -EBUSY if somebody else holds it.
 */
int folder_lock(const char *directory, int *ret_fd);

/* What stands in the folder, for readdir(); the caller closes it. */
int folder_list(int directory_fd, DIR **ret);

/* Moves what stands in a file of the folder from an offset on to a new file, durably. */
int folder_move_tail(int directory_fd, int fd, uint64_t offset, const char *to_name);
