/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How events are shown, and behind which place: the options --format, --no-trunc, --after and
 * --cursor-file, which all commands that print events take, with those that say which.
 */

#include "selection.h"
#include "show.h"

enum {
        OPTION_FORMAT = OPTION_FIRST_OWN,
        OPTION_NO_TRUNC,
        OPTION_AFTER,
        OPTION_CURSOR_FILE,
        OPTION_FIRST_BEHIND, /* where a command's own begin */
};

#define EVENT_OPTIONS                                                                              \
        { "format", required_argument, NULL, OPTION_FORMAT },                                      \
                { "no-trunc", optional_argument, NULL, OPTION_NO_TRUNC },                          \
                { "after", required_argument, NULL, OPTION_AFTER },                                \
        {                                                                                          \
                "cursor-file", required_argument, NULL, OPTION_CURSOR_FILE                         \
        }

#define EVENT_OPTIONS_HELP                                                                         \
        "      --format json|TEXT    JSON, or a template as \"{{.Status}} {{.Name}}\"\n"           \
        "      --no-trunc[=false]    with false, cut IDs to 12 characters\n"                       \
        "      --after CURSOR        what comes after that place in the history\n"                 \
        "      --cursor-file FILE    go on after the cursor in FILE, and keep it there\n"

typedef struct EventOptions {
        Selection selection;
        const char *format;
        const char *after;
        const char *cursor_file;
        bool truncate;

        Template *template; /* owned; of the format */
        char *cursor;       /* owned; of the file */
} EventOptions;

void event_options_done(EventOptions *o);

/* Takes "true", "false" and the like of an option, or nothing for true. -1, or the exit status. */
int event_options_set_bool(const Context *c, const char *option, const char *text, bool *ret);

/* Takes one of our options, one that says which events, or a common one. -1, or the exit status. */
int event_options_take(Context *c, EventOptions *o, int option);

/* All options were taken: fills in what they say about the form and the place. Of the rest of
 * "follow" only the start is touched, where there is a cursor; "ret" borrows. -1, or the exit
 * status. */
int event_options_apply(const Context *c, EventOptions *o, ShowOptions *ret);
