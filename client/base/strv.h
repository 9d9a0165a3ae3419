/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lists of strings that end in NULL; an empty one may be NULL. The list and its strings are owned
 * by whoever has it.
 */

#include <stddef.h>

size_t strv_length(char *const *list);

/* Appends a copy. */
int strv_append(char ***list, const char *text);

char **strv_free(char **list);

static inline void strv_freep(char ***list)
{
        strv_free(*list);
}
