/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

void choice_done(Choice *choice)
{
        for (size_t i = 0; i < choice->n_filters; i++)
                free(choice->filters[i]);
        free(choice->filters);
        free(choice->cursor);
        *choice = (Choice){};
}

int choice_add_filter(Choice *choice, const char *filter)
{
        char **grown;

        if (!filter || !utf8_is_valid(filter))
                return -EINVAL;
        grown = reallocarray(choice->filters, choice->n_filters + 2, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        choice->filters = grown;
        grown[choice->n_filters] = strdup(filter);
        if (!grown[choice->n_filters])
                return -ENOMEM;
        grown[++choice->n_filters] = NULL;
        return 0;
}

int choice_set_cursor(Choice *choice, const char *cursor)
{
        char *copy;

        if (!cursor || !utf8_is_valid(cursor))
                return -EINVAL;
        copy = strdup(cursor);
        if (!copy)
                return -ENOMEM;
        free(choice->cursor);
        choice->cursor = copy;
        return 0;
}
