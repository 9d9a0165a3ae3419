/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which part of the history is wanted: of a subscription and of a query. */

#include <stddef.h>
#include <stdint.h>

typedef struct Choice {
        char *cursor;        /* owned; behind it, "" for the oldest event; or NULL */
        uint64_t since_nsec; /* included; 0 for no bound */
        uint64_t until_nsec; /* excluded; 0 for no bound */
        char **filters;      /* owned with its strings; NULL-terminated, or NULL for none */
        size_t n_filters;
} Choice;

void choice_done(Choice *choice);

/* -EINVAL for what is no UTF-8: the bus would not take it. */
int choice_add_filter(Choice *choice, const char *filter);
int choice_set_cursor(Choice *choice, const char *cursor);

/* What the page's request and others want. */
static inline const char *const *choice_filters(const Choice *choice)
{
        return (const char *const *)choice->filters;
}
