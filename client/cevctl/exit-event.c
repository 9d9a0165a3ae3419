/* SPDX-License-Identifier: Apache-2.0 */
#include "exit-event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "cleanup.h"
#include "event-json.h"
#include "history.h"

typedef struct Search {
        ExitKind kind;
        int code;
        json_object *found; /* owned, or NULL */
        bool by_death;      /* what was found is the death, not the removal */
} Search;

/* Of an exec session the first word counts, of a container the last; but what its removal says it
 * only repeats. */
static int on_event(const Event *e, void *userdata)
{
        Search *s = userdata;
        bool death = strncmp(e->status, "die", 3) == 0;
        json_object *object;
        int r;

        if (!e->has_exit_code || e->exit_code != s->code)
                return 0;
        if (s->found && (s->kind == EXIT_EXEC || (s->by_death && !death)))
                return 0;
        r = event_to_json(e, NULL, &object);
        if (r < 0)
                return r;
        json_object_put(s->found);
        s->found = object;
        s->by_death = death;
        return 0;
}

int exit_event_find(const Context *c, ExitKind kind, const char *id, int code, json_object **ret)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *filter = NULL;
        Search s = { .kind = kind, .code = code };
        int r, status;

        if (asprintf(&filter, "%s=%s", kind == EXIT_EXEC ? "exec" : "id", id) < 0) {
                filter = NULL;
                return command_error(-ENOMEM, "Cannot ask for the event");
        }

        const char *const exec[] = { filter, "type=container", "event=exec_died", NULL };
        const char *const container[] = { filter, "type=container", "event=died", "event=remove",
                                          NULL };
        FollowOptions options = { .filters = kind == EXIT_EXEC ? exec : container };

        r = bus_open(c->user, &bus);
        if (r < 0)
                return bus_report(c->user, NULL, r);
        status = history_read(c, bus, &options, on_event, NULL, &s);
        if (status >= 0)
                json_object_put(s.found);
        else
                *ret = s.found;
        return status;
}
