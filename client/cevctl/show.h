/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Prints events on standard output as they come, until there are no more or somebody says stop, and
 * keeps the cursor file. Or only the first one, which somebody waits for.
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

        bool wait;             /* for one event */
        bool propagate;        /* exit with the exit code that it tells */
        uint64_t timeout_usec; /* of the wait; UINT64_MAX for none */
} ShowOptions;

/* Prints what goes wrong, too; returns the exit status. */
int show_events(const Context *c, const ShowOptions *options);
