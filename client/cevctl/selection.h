/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which events: the options --filter, --name, --since and --until, which all commands that read the
 * history take.
 */

#include <stddef.h>
#include <stdint.h>

#include "command.h"

#define SELECTION_SHORT_OPTIONS "f:n:S:U:"

#define SELECTION_OPTIONS                                                                          \
        { "filter", required_argument, NULL, 'f' }, { "name", required_argument, NULL, 'n' },      \
                { "since", required_argument, NULL, 'S' },                                         \
        {                                                                                          \
                "until", required_argument, NULL, 'U'                                              \
        }

#define SELECTION_HELP                                                                             \
        "  -f, --filter KEY=VALUE    only events that match; KEY!=VALUE only those that do not.\n" \
        "                            The same KEY again is \"or\", another one is \"and\". Keys: " \
        "type,\n"                                                                                  \
        "                            event, container, image, pod, volume, network, name, id,\n"   \
        "                            engine, exec, exit_code, uid, label\n"                        \
        "  -n, --name NAME           events of that container, as --filter container=NAME\n"       \
        "  -S, --since TIME          from that time on\n"                                          \
        "  -U, --until TIME          up to that time\n"

#define SELECTION_HELP_TIME                                                                        \
        "\n"                                                                                       \
        "A TIME is 2006-01-02T15:04:05Z, \"2006-01-02 15:04\" (local time), seconds since\n"       \
        "1970, a duration as 10m or 2d (ago for --since, ahead for --until), now, today,\n"        \
        "yesterday or tomorrow.\n"

typedef struct Selection {
        const char *since; /* as given, or NULL */
        const char *until;
        const char **filters; /* owned; NULL-terminated, or NULL for none */
        char **own_filters;   /* owned with its strings: those made from -n */
        size_t n_filters;
        size_t n_own;
} Selection;

void selection_done(Selection *s);

int selection_add_filter(Selection *s, const char *filter);

/* Whether a filter has that key. */
bool selection_has_key(const Selection *s, const char *key);

/* Takes one of our options, or a common one, with its optarg. -1, or the exit status. */
int selection_take_option(Context *c, Selection *s, int option);

/* The range in ns since 1970, as the service takes it: 0 for no bound. -1, or the exit status. */
int selection_range(const Context *c, const Selection *s, uint64_t now_nsec, uint64_t *ret_since,
                    uint64_t *ret_until);
