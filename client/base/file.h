/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Small files in a folder of our own: nobody ever sees a half of one, no link is followed, and they
 * are ours alone (0600).
 */

#include <stdbool.h>
#include <stddef.h>

/* The folder; it is made (0700) if it is not there. */
int folder_open(const char *path, int *ret_fd);

/* Calls for each file but those with a "." at the front, until that returns less than 0. */
int folder_for_each(int folder, int (*each)(const char *name, void *userdata), void *userdata);

/* All of it, with a 0 behind; -EBADMSG if there is more than size_max, or a 0 within. */
int file_read(int folder, const char *name, size_t size_max, char **ret);

/* With "durable" it is on the disk when this returns. */
int file_replace(int folder, const char *name, const char *text, bool durable);
