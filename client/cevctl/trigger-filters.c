/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger-filters.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "cursor.h"

static int cursor_before(cev_event *event, char **ret)
{
        _cleanup_free_ char *epoch = NULL;
        uint64_t seq;
        int r = cursor_split(cev_event_get_cursor(event), &epoch, &seq);

        if (r < 0 || seq == 0)
                return -EBADMSG;
        return cursor_format(epoch, seq - 1, ret);
}

static int add_filters(cev_query *q, const char *const *filters)
{
        int r = 0;

        for (; r >= 0 && *filters; filters++)
                r = cev_query_add_filter(q, *filters);
        return r;
}

static int prepare(cev_query *q, cev_event *event, const char *const *filters)
{
        _cleanup_free_ char *before = NULL;
        uint64_t time_nsec = cev_event_get_time_nsec(event);
        int r = cursor_before(event, &before);

        if (r >= 0)
                r = cev_query_set_cursor(q, before);
        /* Of the many that come behind it, few are older. */
        if (r >= 0 && time_nsec < UINT64_MAX)
                r = cev_query_set_until(q, time_nsec + 1);
        return r < 0 ? r : add_filters(q, filters);
}

int trigger_filters_check(cev_client *client, const char *const *filters, sd_bus_error *ret_error)
{
        _cleanup_(cev_event_unrefp) cev_event *found = NULL;
        _cleanup_(cev_query_unrefp) cev_query *q = NULL;
        int r = cev_query_new(client, &q);

        if (r >= 0)
                r = cev_query_set_until(q, 1); /* there is none before that */
        if (r >= 0)
                r = add_filters(q, filters);
        if (r >= 0)
                r = cev_query_next(q, &found, ret_error);
        return r < 0 ? r : 0;
}

int trigger_filters_pass(cev_client *client, cev_event *event, const char *const *filters,
                         bool *ret, sd_bus_error *ret_error)
{
        _cleanup_(cev_event_unrefp) cev_event *found = NULL;
        _cleanup_(cev_query_unrefp) cev_query *q = NULL;
        int r = cev_query_new(client, &q);

        if (r >= 0)
                r = prepare(q, event, filters);
        if (r >= 0)
                r = cev_query_next(q, &found, ret_error);
        if (r < 0)
                return r;
        *ret = r > 0 && cev_event_get_seq(found) == cev_event_get_seq(event);
        return 0;
}
