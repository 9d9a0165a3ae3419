/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folders that triggers stand in, one over the other: a file hides those of its name in the
 * folders below.
 */

#include <stddef.h>

typedef struct LayeredFile {
        char *name; /* owned; in its folder */
        char *path; /* owned */
} LayeredFile;

typedef struct LayeredFiles {
        LayeredFile *files; /* owned, each; sorted by name */
        size_t n;
} LayeredFiles;

/* More in one place are a mistake, or an attack on our memory. */
#define LAYERED_FILES_MAX 1024

/*
 * What ends in the suffix and does not begin with ".", in the subfolder ("" for none) of each
 * folder. A folder that is not there is an empty one. Another that cannot be read is an error: it
 * could hide something; so are too many files (-E2BIG). *ret_where is its path, which the caller
 * owns, on such a failure.
 */
int layered_files_list(const char *root, const char *subfolder, const char *suffix,
                       LayeredFiles *ret, char **ret_where);
void layered_files_done(LayeredFiles *f);

/* A file is masked if it is empty or /dev/null. Returns 0 for one that is; 1 and its text, with a
 * NUL behind it; or a negative errno: -ENOTSUP for what is no file, -EFBIG for one of more than 64
 * KiB. */
int layered_file_read(const char *path, char **ret_text, size_t *ret_length);
