/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file that remembers how far a reader has come: one line, the cursor. It is replaced as a whole,
 * so that a crash leaves the old cursor or the new one.
 */

/* -ENOENT: there is none yet. -EINVAL: what is in the file is no cursor. */
int cursor_file_read(const char *path, char **ret);

int cursor_file_write(const char *path, const char *cursor);

/* Whether the file could be written, as far as that can be said before: 0, or why not. */
int cursor_file_check(const char *path);
