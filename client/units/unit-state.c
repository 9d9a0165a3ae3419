/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-event.h>

#include "cleanup.h"
#include "unit-error.h"
#include "unit-names.h"

struct UnitQuestion {
        UnitListener listener; /* first, so that one is the other */
        UnitManager *manager;  /* counted */
        char *unit;            /* owned */
        char *path;            /* owned; of its object, or NULL */
        bool load;
        UnitStateHandler handler; /* NULL: it was called */
        void *userdata;
        sd_event_source *timeout; /* or NULL */
        sd_bus_slot *call;        /* under way, or NULL: waiting for systemd or for a place */
        UnitPlace place;
};

bool unit_state_is_at_rest(const UnitState *state)
{
        return state->job == 0 && (strcmp(state->active_state, "inactive") == 0 ||
                                   strcmp(state->active_state, "failed") == 0);
}

static void answer(UnitQuestion *q, int result, const UnitState *state, const sd_bus_error *error)
{
        UnitStateHandler handler = q->handler;

        if (!handler)
                return;
        q->handler = NULL;
        q->timeout = sd_event_source_disable_unref(q->timeout);
        q->call = sd_bus_slot_unref(q->call);
        unit_manager_leave_place(q->manager, &q->place);
        handler(q, result, state, error, q->userdata);
}

/* ---- the properties ---- */

static int read_string(sd_bus_message *m, const char **ret)
{
        return sd_bus_message_read(m, "v", "s", ret);
}

static int read_invocation(sd_bus_message *m, sd_id128_t *ret)
{
        const void *bytes;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r < 0)
                return r;
        if (size == sizeof(*ret))
                memcpy(ret, bytes, size);
        return sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, const char *name, UnitState *state)
{
        const char *path;

        if (strcmp(name, "Id") == 0)
                return read_string(m, &state->name);
        if (strcmp(name, "LoadState") == 0)
                return read_string(m, &state->load_state);
        if (strcmp(name, "ActiveState") == 0)
                return read_string(m, &state->active_state);
        if (strcmp(name, "SubState") == 0)
                return read_string(m, &state->sub_state);
        if (strcmp(name, "InvocationID") == 0)
                return read_invocation(m, &state->invocation);
        if (strcmp(name, "Job") == 0)
                return sd_bus_message_read(m, "v", "(uo)", &state->job, &path);
        if (strcmp(name, "StateChangeTimestamp") == 0)
                return sd_bus_message_read(m, "v", "t", &state->changed_usec);
        return sd_bus_message_skip(m, "v");
}

static int read_state(sd_bus_message *m, UnitState *state)
{
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0) {
                r = sd_bus_message_enter_container(m, 'e', "sv");
                if (r <= 0)
                        break;
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_property(m, name, state);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static const UnitState unloaded = {
        .name = "",
        .path = "",
        .load_state = "",
        .active_state = "inactive",
        .sub_state = "dead",
};

/* ---- the calls ---- */

static void ask(UnitQuestion *q);

/* What is not answered is asked again: now, or when systemd is back. */
static void take_error(UnitQuestion *q, const sd_bus_error *error)
{
        UnitState state = unloaded;
        int r;

        if (unit_error_is_unanswered(error) || unit_error_is_absent(error)) {
                if (sd_bus_is_open(unit_manager_get_bus(q->manager)) > 0 &&
                    unit_manager_is_ready(q->manager) && !unit_error_is_absent(error))
                        ask(q);
                return;
        }
        r = unit_error_to_errno(error);
        state.name = q->unit;
        if (r == -ENOENT && !q->load)
                answer(q, 0, &state, NULL);
        else
                answer(q, r, NULL, error);
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        UnitQuestion *q = userdata;
        UnitState state = unloaded;
        int r;

        q->call = sd_bus_slot_unref(q->call);
        if (sd_bus_message_is_method_error(m, NULL)) {
                take_error(q, sd_bus_message_get_error(m));
                return 0;
        }
        state.name = q->unit;
        state.path = q->path;
        r = read_state(m, &state);
        answer(q, r < 0 ? r : 0, r < 0 ? NULL : &state, NULL);
        return 0;
}

static void ask_for_properties(UnitQuestion *q)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *bus = unit_manager_get_bus(q->manager);
        int r;

        r = sd_bus_message_new_method_call(bus, &call, UNIT_BUS_NAME, q->path,
                                           "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", UNIT_INTERFACE);
        if (r >= 0)
                r = sd_bus_call_async(bus, &q->call, call, on_properties, q, UNIT_CALL_USEC);
        if (r < 0)
                answer(q, r, NULL, NULL);
}

static int on_path(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        UnitQuestion *q = userdata;
        const char *path;
        int r;

        q->call = sd_bus_slot_unref(q->call);
        if (sd_bus_message_is_method_error(m, NULL)) {
                take_error(q, sd_bus_message_get_error(m));
                return 0;
        }
        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0) {
                free(q->path);
                q->path = strdup(path);
                r = q->path ? 0 : -ENOMEM;
        }
        if (r < 0)
                answer(q, r, NULL, NULL);
        else
                ask_for_properties(q);
        return 0;
}

/* GetUnit has no side effects, and knows the unit's own name where we have an alias. */
static int ask_for_path(UnitQuestion *q)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if (!unit_manager_take_place(q->manager, &q->place))
                return 0;
        r = unit_manager_new_call(q->manager, q->load ? "LoadUnit" : "GetUnit", &call);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", q->unit);
        if (r >= 0)
                r = sd_bus_call_async(unit_manager_get_bus(q->manager), &q->call, call, on_path, q,
                                      UNIT_CALL_USEC);
        return r;
}

static void ask(UnitQuestion *q)
{
        int r = ask_for_path(q);

        if (r < 0)
                answer(q, r, NULL, NULL);
}

/* ---- life ---- */

static void on_place(UnitPlace *place)
{
        UnitQuestion *q = (UnitQuestion *)((char *)place - offsetof(UnitQuestion, place));

        if (unit_manager_is_ready(q->manager))
                ask(q);
}

static void on_ready(UnitListener *l)
{
        UnitQuestion *q = (UnitQuestion *)l;

        if (q->handler && !q->call)
                ask(q);
}

static void on_cut(UnitListener *l)
{
        answer((UnitQuestion *)l, -ENOTCONN, NULL, NULL);
}

static const UnitListenerHandler listener_handler = { .ready = on_ready, .cut = on_cut };

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        answer(userdata, -ETIMEDOUT, NULL, NULL);
        return 0;
}

UnitQuestion *unit_question_free(UnitQuestion *q)
{
        if (!q)
                return NULL;
        if (q->listener.handler)
                unit_manager_forget(q->manager, &q->listener);
        sd_event_source_disable_unref(q->timeout);
        sd_bus_slot_unref(q->call);
        unit_manager_leave_place(q->manager, &q->place);
        unit_manager_unref(q->manager);
        free(q->path);
        free(q->unit);
        free(q);
        return NULL;
}

static void question_freep(UnitQuestion **q)
{
        unit_question_free(*q);
}

int unit_ask(UnitManager *m, const char *unit, bool load, uint64_t timeout_usec,
             UnitStateHandler handler, void *userdata, UnitQuestion **ret)
{
        _cleanup_(question_freep) UnitQuestion *q = NULL;
        int r;

        q = calloc(1, sizeof(UnitQuestion));
        if (!q)
                return -ENOMEM;
        q->manager = unit_manager_ref(m);
        q->load = load;
        q->handler = handler;
        q->userdata = userdata;
        q->place.granted = on_place;
        q->unit = strdup(unit);
        if (!q->unit)
                return -ENOMEM;
        if (timeout_usec != UINT64_MAX) {
                r = sd_event_add_time_relative(sd_bus_get_event(unit_manager_get_bus(m)),
                                               &q->timeout, CLOCK_MONOTONIC, timeout_usec, 0,
                                               on_timeout, q);
                if (r < 0)
                        return r;
        }
        r = unit_manager_listen(m, &q->listener);
        if (r < 0)
                return r;
        q->listener.handler = &listener_handler;
        if (unit_manager_is_ready(m)) {
                r = ask_for_path(q);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(q);
        return 0;
}
