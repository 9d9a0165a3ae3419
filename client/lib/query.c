/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "choice.h"
#include "cleanup.h"
#include "cursor.h"
#include "event-object.h"
#include "page.h"
#include "public.h"

struct cev_query {
        unsigned n_ref;
        cev_client *client; /* reference */
        Choice choice;
        bool started;

        cev_event **events;     /* owned: a page, as far as it was not given yet */
        size_t n_events, given; /* those before "given" are the caller's */
        char *behind;           /* owned; the place behind the page, NULL before the first */
        bool more;              /* behind that there may be more */
        char *cursor;           /* owned; the place behind what was given, or NULL */
};

/* ---- pages ---- */

static void drop_page(cev_query *q)
{
        for (size_t i = q->given; i < q->n_events; i++)
                cev_event_unref(q->events[i]);
        free(q->events);
        q->events = NULL;
        q->n_events = q->given = 0;
}

static int keep(const Event *e, const char *cursor, void *userdata)
{
        cev_query *q = userdata;
        cev_event **grown;
        int r;

        /* A page behind a cursor has no lower bound. */
        if (e->time_nsec < q->choice.since_nsec)
                return 0;
        grown = reallocarray(q->events, q->n_events + 1, sizeof(cev_event *));
        if (!grown)
                return -ENOMEM;
        q->events = grown;
        r = event_object_new(e, cursor, &q->events[q->n_events]);
        if (r >= 0)
                q->n_events++;
        return r;
}

static int make_request(sd_bus *bus, const void *userdata, sd_bus_message **ret)
{
        const cev_query *q = userdata;
        PageRequest request = {
                .cursor = q->behind ?: q->choice.cursor,
                .since_nsec = q->choice.since_nsec,
                .until_nsec = q->choice.until_nsec,
                .filters = choice_filters(&q->choice),
                .start_service = true,
        };

        return page_request(bus, &request, ret);
}

static int set_string(char **string, const char *value)
{
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*string);
        *string = copy;
        return 0;
}

/* On a failure it is as if the page had not been asked for. */
static int take_page(cev_query *q, sd_bus_message *reply)
{
        const char *cursor;
        bool more;
        int r;

        r = page_read(reply, keep, q, &cursor, &more);
        /* "More", and no step ahead: that would go on forever. */
        if (r >= 0 && more && q->n_events == 0 && q->behind && strcmp(q->behind, cursor) == 0)
                r = -EPROTO;
        if (r >= 0)
                r = set_string(&q->behind, cursor);
        if (r < 0) {
                drop_page(q);
                return r;
        }
        q->more = more;
        return 0;
}

static int get_page(cev_query *q, sd_bus_error *ret_error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        drop_page(q);
        r = call_read(q->client, make_request, q, ret_error, &reply);
        return r < 0 ? r : take_page(q, reply);
}

/* ---- one event after the other ---- */

_public_ int cev_query_next(cev_query *q, cev_event **ret, sd_bus_error *ret_error)
{
        int r;

        if (!q || !ret)
                return -EINVAL;
        q->started = true;
        while (q->given == q->n_events) {
                if (!q->more)
                        return q->behind ? set_string(&q->cursor, q->behind) : 0;
                r = get_page(q, ret_error);
                if (r < 0)
                        return r;
        }
        if (q->events[q->given]->cursor) {
                r = set_string(&q->cursor, q->events[q->given]->cursor);
                if (r < 0)
                        return r;
        }
        *ret = q->events[q->given++];
        return 1;
}

_public_ int cev_query_get_cursor(const cev_query *q, const char **ret)
{
        if (!q || !ret)
                return -EINVAL;
        if (!q->cursor)
                return -ENODATA;
        *ret = q->cursor;
        return 0;
}

/* ---- what is wanted ---- */

static int check_new(const cev_query *q)
{
        return !q ? -EINVAL : q->started ? -EBUSY : 0;
}

_public_ int cev_query_add_filter(cev_query *q, const char *filter)
{
        int r = check_new(q);

        return r < 0 ? r : choice_add_filter(&q->choice, filter);
}

_public_ int cev_query_set_cursor(cev_query *q, const char *cursor)
{
        int r = check_new(q);

        return r < 0 ? r : choice_set_cursor(&q->choice, cursor);
}

_public_ int cev_query_set_since(cev_query *q, uint64_t since_nsec)
{
        int r = check_new(q);

        if (r >= 0)
                q->choice.since_nsec = since_nsec;
        return r;
}

_public_ int cev_query_set_until(cev_query *q, uint64_t until_nsec)
{
        int r = check_new(q);

        if (r >= 0)
                q->choice.until_nsec = until_nsec;
        return r;
}

/* ---- life ---- */

_public_ int cev_query_new(cev_client *c, cev_query **ret)
{
        cev_query *q;

        if (!c || !ret)
                return -EINVAL;
        q = calloc(1, sizeof(cev_query));
        if (!q)
                return -ENOMEM;
        q->n_ref = 1;
        q->client = cev_client_ref(c);
        q->more = true;

        *ret = q;
        return 0;
}

_public_ cev_query *cev_query_ref(cev_query *q)
{
        if (q)
                q->n_ref++;
        return q;
}

_public_ cev_query *cev_query_unref(cev_query *q)
{
        if (!q || --q->n_ref > 0)
                return NULL;
        drop_page(q);
        choice_done(&q->choice);
        free(q->behind);
        free(q->cursor);
        cev_client_unref(q->client);
        free(q);
        return NULL;
}
