/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Prints events on standard output as they come, until there are no more or somebody says stop, and
 * keeps the cursor file.
 */

#include "command.h"
#include "follow.h"
#include "template.h"

typedef enum ShowFormat {
        SHOW_HUMAN,
        SHOW_JSON,
        SHOW_TEMPLATE,
} ShowFormat;

typedef struct ShowOptions {
        FollowOptions follow;
        ShowFormat format;
        const Template *template;
        bool truncate;           /* IDs, in the human form */
        const char *cursor_file; /* or NULL */
} ShowOptions;

/* Prints what goes wrong, too; returns the exit status. */
int show_events(const Context *c, const ShowOptions *options);
