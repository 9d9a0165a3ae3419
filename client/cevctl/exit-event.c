/* SPDX-License-Identifier: Apache-2.0 */
#include "exit-event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "cleanup.h"

typedef struct Search {
        ExitKind kind;
        int code;
        cev_event *found; /* owned, or NULL */
        bool by_death;    /* what was found is the death, not the removal */
} Search;

static void search_done(Search *s)
{
        cev_event_unref(s->found);
}

/* Of an exec session the first word counts, of a container the last; but what its removal says it
 * only repeats. */
static void look_at(Search *s, cev_event *e)
{
        bool death = strncmp(cev_event_get_status(e), "die", 3) == 0;
        int code;

        if (cev_event_get_exit_code(e, &code) < 0 || code != s->code)
                return;
        if (s->found && (s->kind == EXIT_EXEC || (s->by_death && !death)))
                return;
        cev_event_unref(s->found);
        s->found = cev_event_ref(e);
        s->by_death = death;
}

static int search(cev_client *client, const char *const *filters, Search *s, sd_bus_error *error)
{
        _cleanup_(cev_query_unrefp) cev_query *query = NULL;
        int r;

        r = cev_query_new(client, &query);
        for (; r >= 0 && *filters; filters++)
                r = cev_query_add_filter(query, *filters);
        if (r < 0)
                return r;
        for (;;) {
                _cleanup_(cev_event_unrefp) cev_event *e = NULL;

                r = cev_query_next(query, &e, error);
                if (r <= 0)
                        return r;
                look_at(s, e);
        }
}

/* Where the event is in the history now says nothing of how it ended. */
static int print(const cev_event *e, json_object **ret)
{
        _cleanup_free_ char *text = NULL;
        json_object *object;
        int r;

        r = cev_event_to_json(e, &text);
        if (r < 0)
                return r;
        object = json_tokener_parse(text);
        if (!object)
                return -ENOMEM;
        json_object_object_del(object, "Cursor");
        *ret = object;
        return 0;
}

int exit_event_find(const Context *c, ExitKind kind, const char *id, int code, json_object **ret)
{
        _cleanup_(cev_client_unrefp) cev_client *client = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(search_done) Search s = { .kind = kind, .code = code };
        _cleanup_free_ char *filter = NULL;
        int r;

        if (asprintf(&filter, "%s=%s", kind == EXIT_EXEC ? "exec" : "id", id) < 0) {
                filter = NULL;
                return command_error(-ENOMEM, "Cannot ask for the event");
        }

        const char *const exec[] = { filter, "type=container", "event=exec_died", NULL };
        const char *const container[] = { filter, "type=container", "event=died", "event=remove",
                                          NULL };

        r = bus_open_client(c->user, &client);
        if (r >= 0)
                r = search(client, kind == EXIT_EXEC ? exec : container, &s, &error);
        if (r == -ENOMEM)
                return command_error(r, "Cannot ask for the event");
        if (r < 0)
                return bus_report(c->user, &error, r);
        if (s.found && (r = print(s.found, ret)) < 0)
                return command_error(r, "Cannot ask for the event");
        return -1;
}
