/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The syntax of systemd's unit files (systemd.syntax(7)): "[Section]", "KEY=VALUE", lines that
 * begin with "#" or ";" are comments, and a "\" at the end of a line joins it with the next one,
 * with a space for it. Nothing is a comment or a quote within a value. This is a reader of its own
 * because inih, which knows other INI files, cuts lines at 199 bytes and values at " ;", takes ":"
 * for "=" and joins lines that are indented: a filter would change its meaning.
 */

#include <stddef.h>

typedef struct UnitFileHandler {
        /* One setting; the line is that where it begins. A negative result ends the reading. */
        int (*setting)(unsigned line, const char *section, const char *key, const char *value,
                       void *userdata);

        /* A line that is none; text is a sentence without a period. As above. */
        int (*error)(unsigned line, const char *text, void *userdata);

        void *userdata;
} UnitFileHandler;

/* The text need not end in a NUL. Returns 0, what a handler returned, or -ENOMEM. */
int unit_file_parse(const char *text, size_t length, const UnitFileHandler *handler);
