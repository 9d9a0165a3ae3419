/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

struct UnitWatch {
        UnitListener listener;    /* first, so that one is the other */
        UnitManager *manager;     /* counted */
        char *unit;               /* owned */
        char *path;               /* owned; of its object, or NULL: it is not known yet */
        UnitWatchHandler handler; /* NULL: it was called */
        void *userdata;
        UnitQuestion *question; /* under way, or NULL */
        bool again;             /* something changed since that was asked */
};

static void ask(UnitWatch *w);

static void end(UnitWatch *w, int result, const UnitState *state)
{
        UnitWatchHandler handler = w->handler;

        if (!handler)
                return;
        w->handler = NULL;
        handler(w, result, state, w->userdata);
}

static int set_path(UnitWatch *w, const char *path)
{
        char *copy;

        if (w->path && strcmp(w->path, path) == 0)
                return 0;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        free(w->path);
        w->path = copy;
        return 0;
}

static void take_state(UnitWatch *w, int result, const UnitState *state)
{
        bool again = w->again;

        w->again = false;
        if (result >= 0 && !unit_state_is_at_rest(state)) {
                result = set_path(w, state->path);
                if (result >= 0 && again)
                        ask(w);
                if (result >= 0)
                        return;
        }
        end(w, result, result < 0 ? NULL : state);
}

static void on_state(UnitQuestion *q, int result, const UnitState *state, const sd_bus_error *error,
                     void *userdata)
{
        UnitWatch *w = userdata;

        w->question = NULL;
        take_state(w, result, state);
        unit_question_free(q);
}

static void ask(UnitWatch *w)
{
        int r;

        if (w->question) {
                w->again = true;
                return;
        }
        r = unit_ask(w->manager, w->unit, false, UINT64_MAX, on_state, w, &w->question);
        if (r < 0)
                end(w, r, NULL);
}

static bool is_ours(const UnitWatch *w, const char *path)
{
        /* The first answer, which brings the path, may be older than this signal. */
        return !w->path || strcmp(w->path, path) == 0;
}

static void on_ready(UnitListener *l)
{
        ask((UnitWatch *)l);
}

static void on_unit_changed(UnitListener *l, const char *path)
{
        UnitWatch *w = (UnitWatch *)l;

        if (is_ours(w, path))
                ask(w);
}

static void on_cut(UnitListener *l)
{
        end((UnitWatch *)l, -ENOTCONN, NULL);
}

static const UnitListenerHandler listener_handler = {
        .ready = on_ready,
        .unit_changed = on_unit_changed,
        .unit_removed = on_unit_changed,
        .cut = on_cut,
};

UnitWatch *unit_watch_free(UnitWatch *w)
{
        if (!w)
                return NULL;
        unit_question_free(w->question);
        if (w->listener.handler)
                unit_manager_forget(w->manager, &w->listener);
        unit_manager_unref(w->manager);
        free(w->path);
        free(w->unit);
        free(w);
        return NULL;
}

static void watch_freep(UnitWatch **w)
{
        unit_watch_free(*w);
}

int unit_watch_new(UnitManager *m, const char *unit, UnitWatchHandler handler, void *userdata,
                   UnitWatch **ret)
{
        _cleanup_(watch_freep) UnitWatch *w = NULL;
        int r;

        w = calloc(1, sizeof(UnitWatch));
        if (!w)
                return -ENOMEM;
        w->manager = unit_manager_ref(m);
        w->handler = handler;
        w->userdata = userdata;
        w->listener.wants_units = true;
        w->unit = strdup(unit);
        if (!w->unit)
                return -ENOMEM;
        r = unit_manager_listen(m, &w->listener);
        if (r < 0)
                return r;
        w->listener.handler = &listener_handler;
        /* After the match: what changes later is told. */
        r = unit_ask(m, w->unit, false, UINT64_MAX, on_state, w, &w->question);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}
