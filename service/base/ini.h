/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * INI files, read by inih, with the number of the line for whoever has something to say about it.
 * Comments are lines that start with "#" or ";", or what follows " #" or " ;". A line that is
 * longer than inih's buffer (199 bytes) is told as an error and left out.
 */

typedef struct IniReport {
        /* One setting. */
        void (*value)(const char *file, unsigned line, const char *section, const char *key,
                      const char *value, void *userdata);

        /* A line that is none; may be NULL. */
        void (*error)(const char *file, unsigned line, const char *what, void *userdata);

        /* A drop-in, or the folder of drop-ins, that cannot be read; may be NULL. */
        void (*unreadable)(const char *file, int error, void *userdata);

        void *userdata;
} IniReport;

/* Returns negative errno if the file cannot be read, -ENOMEM. */
int ini_read(const char *file, const IniReport *report);

/*
 * FILE.d/X.conf, in the order of their names; a folder that is not there is an empty one. Returns
 * -ENOMEM.
 */
int ini_read_drop_ins(const char *file, const IniReport *report);
