/* SPDX-License-Identifier: Apache-2.0 */
#include "selection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "time-spec.h"

void selection_done(Selection *s)
{
        for (size_t i = 0; i < s->n_own; i++)
                free(s->own_filters[i]);
        free(s->own_filters);
        free(s->filters);
}

int selection_add_filter(Selection *s, const char *filter)
{
        const char **grown = reallocarray(s->filters, s->n_filters + 2, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        grown[s->n_filters++] = filter;
        grown[s->n_filters] = NULL;
        s->filters = grown;
        return 0;
}

static int add_container(Selection *s, const char *name)
{
        char **grown = reallocarray(s->own_filters, s->n_own + 1, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        s->own_filters = grown;
        if (asprintf(&s->own_filters[s->n_own], "container=%s", name) < 0)
                return -ENOMEM;
        return selection_add_filter(s, s->own_filters[s->n_own++]);
}

bool selection_has_key(const Selection *s, const char *key)
{
        size_t length = strlen(key);

        for (size_t i = 0; i < s->n_filters; i++)
                if (strncmp(s->filters[i], key, length) == 0 &&
                    (s->filters[i][length] == '=' || s->filters[i][length] == '!'))
                        return true;
        return false;
}

int selection_take_option(Context *c, Selection *s, int option)
{
        int r, status;

        switch (option) {
        case 'f':
        case 'n':
                status = command_check_text(c, optarg);
                if (status >= 0)
                        return status;
                r = option == 'f' ? selection_add_filter(s, optarg) : add_container(s, optarg);
                return r < 0 ? command_error(r, "Cannot read the options") : -1;
        case 'S':
                s->since = optarg;
                return -1;
        case 'U':
                s->until = optarg;
                return -1;
        default:
                return command_common_option(c, option == 'h' ? OPTION_HELP : option);
        }
}

static int parse_time(const Context *c, const char *option, const char *text,
                      TimeDirection direction, uint64_t now_nsec, int64_t *ret)
{
        int r = time_spec_parse(text, direction, (int64_t)now_nsec, ret);

        if (r == -ERANGE)
                return command_usage_error(
                        c, "--%s: \"%s\" is too far away, times go from 1677 to 2262.", option,
                        text);
        if (r < 0)
                return command_usage_error(c, "--%s: \"%s\" is not a time: " TIME_SPEC_ACCEPTED ".",
                                           option, text);
        return -1;
}

int selection_range(const Context *c, const Selection *s, uint64_t now_nsec, uint64_t *ret_since,
                    uint64_t *ret_until)
{
        int64_t since = 0, until = 0;
        int status = -1;

        if (s->since)
                status = parse_time(c, "since", s->since, TIME_BACK, now_nsec, &since);
        if (s->until && status < 0)
                status = parse_time(c, "until", s->until, TIME_AHEAD, now_nsec, &until);
        if (status >= 0)
                return status;

        /* For the service 0 is no bound. Nothing happened before 1970, so for the start that is
         * right, and an end that early leaves nothing. */
        *ret_since = since > 0 ? (uint64_t)since : 0;
        *ret_until = !s->until ? 0 : until > 0 ? (uint64_t)until : 1;
        return -1;
}
