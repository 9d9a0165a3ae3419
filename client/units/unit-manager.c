/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "owner.h"
#include "unit-names.h"

struct UnitManager {
        unsigned n_refs;
        sd_bus *bus;  /* shared */
        Owner *owner; /* of systemd's name */
        sd_bus_slot *signals;
        sd_bus_slot *units; /* signals of units, while somebody wants them */
        sd_bus_slot *disconnected;
        sd_bus_slot *subscribe; /* under way */
        UnitListener *first;
        UnitListener *turn;   /* whose turn is next, while all are told something */
        unsigned n_questions; /* under way */
        UnitPlace *line;      /* those that wait for a place */
        bool ready;
        bool cut;
};

/* ---- who waits ---- */

static void drop_units_if_unwanted(UnitManager *m)
{
        for (UnitListener *l = m->first; l; l = l->next)
                if (l->wants_units)
                        return;
        m->units = sd_bus_slot_unref(m->units);
}

#define TELL(m, what, ...)                                                                         \
        do {                                                                                       \
                _cleanup_(unit_manager_unrefp) UnitManager *pinned = unit_manager_ref(m);          \
                for (UnitListener *l = pinned->first; l; l = pinned->turn) {                       \
                        pinned->turn = l->next;                                                    \
                        if (l->handler->what)                                                      \
                                l->handler->what(l, ##__VA_ARGS__);                                \
                }                                                                                  \
        } while (0)

void unit_manager_forget(UnitManager *m, UnitListener *l)
{
        if (m->turn == l)
                m->turn = l->next;
        if (l->previous)
                l->previous->next = l->next;
        else
                m->first = l->next;
        if (l->next)
                l->next->previous = l->previous;
        l->previous = l->next = NULL;
        drop_units_if_unwanted(m);
}

/* ---- what systemd says ---- */

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        UnitManager *m = userdata;
        const char *unit, *result, *path;
        uint32_t job;
        int reloading;

        if (!owner_is(m->owner, sd_bus_message_get_sender(message)))
                return 0;
        if (sd_bus_message_is_signal(message, UNIT_MANAGER_INTERFACE, "JobRemoved")) {
                if (sd_bus_message_read(message, "uoss", &job, &path, &unit, &result) > 0)
                        TELL(m, job_removed, job, result);
        } else if (sd_bus_message_is_signal(message, UNIT_MANAGER_INTERFACE, "UnitRemoved")) {
                if (sd_bus_message_read(message, "so", &unit, &path) > 0)
                        TELL(m, unit_removed, path);
        } else if (sd_bus_message_is_signal(message, UNIT_MANAGER_INTERFACE, "Reloading")) {
                if (sd_bus_message_read(message, "b", &reloading) > 0 && !reloading && m->ready)
                        TELL(m, ready);
        }
        return 0;
}

static int on_unit_signal(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        UnitManager *m = userdata;
        const char *path = sd_bus_message_get_path(message);

        if (path && owner_is(m->owner, sd_bus_message_get_sender(message)))
                TELL(m, unit_changed, path);
        return 0;
}

/* "m->turn" must be kept when a match is added within a turn: nothing is told from here. */
static int want_units(UnitManager *m)
{
        if (m->units)
                return 0;
        return sd_bus_add_match_async(m->bus, &m->units,
                                      "type='signal',sender='" UNIT_BUS_NAME
                                      "',path_namespace='" UNIT_PATH_PREFIX
                                      "',interface='org.freedesktop.DBus.Properties',"
                                      "member='PropertiesChanged',arg0='" UNIT_INTERFACE "'",
                                      on_unit_signal, NULL, m);
}

int unit_manager_listen(UnitManager *m, UnitListener *l)
{
        int r;

        if (m->cut)
                return -ENOTCONN;
        if (l->wants_units) {
                r = want_units(m);
                if (r < 0)
                        return r;
        }
        l->previous = NULL;
        l->next = m->first;
        if (l->next)
                l->next->previous = l;
        m->first = l;
        return 0;
}

/* ---- whether it is there ---- */

/* An error says that we are subscribed already, or that systemd left again. */
static int on_subscribed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        UnitManager *m = userdata;

        m->subscribe = sd_bus_slot_unref(m->subscribe);
        if (!owner_get(m->owner) || sd_bus_is_open(m->bus) <= 0)
                return 0;
        m->ready = true;
        TELL(m, ready);
        return 0;
}

static void on_owner(Owner *owner, const sd_bus_error *error, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        UnitManager *m = userdata;

        m->ready = false;
        m->subscribe = sd_bus_slot_unref(m->subscribe);
        if (error || !owner_get(owner))
                return;
        /* Out of memory: what waits ends by its own time limit. */
        if (unit_manager_new_call(m, "Subscribe", &call) >= 0)
                (void)sd_bus_call_async(m->bus, &m->subscribe, call, on_subscribed, m,
                                        UNIT_CALL_USEC);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        UnitManager *m = userdata;

        m->cut = true;
        m->ready = false;
        TELL(m, cut);
        return 0;
}

bool unit_manager_is_ready(const UnitManager *m)
{
        return m->ready;
}

/* ---- calls ---- */

bool unit_manager_take_place(UnitManager *m, UnitPlace *place)
{
        UnitPlace **last = &m->line;

        if (place->taken)
                return true;
        if (m->n_questions < UNIT_QUESTIONS_MAX) {
                m->n_questions++;
                place->taken = true;
                return true;
        }
        if (place->waits)
                return false;
        while (*last)
                last = &(*last)->next;
        *last = place;
        place->next = NULL;
        place->waits = true;
        return false;
}

static void leave_line(UnitManager *m, UnitPlace *place)
{
        UnitPlace **p = &m->line;

        while (*p != place)
                p = &(*p)->next;
        *p = place->next;
        place->waits = false;
}

void unit_manager_leave_place(UnitManager *m, UnitPlace *place)
{
        UnitPlace *first = m->line;

        if (place->waits)
                leave_line(m, place);
        if (!place->taken)
                return;
        place->taken = false;
        if (!first) {
                m->n_questions--;
                return;
        }
        leave_line(m, first);
        first->taken = true;
        first->granted(first);
}

sd_bus *unit_manager_get_bus(const UnitManager *m)
{
        return m->bus;
}

int unit_manager_new_call(UnitManager *m, const char *member, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(m->bus, &call, UNIT_BUS_NAME, UNIT_MANAGER_PATH,
                                           UNIT_MANAGER_INTERFACE, member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

/* ---- life ---- */

UnitManager *unit_manager_ref(UnitManager *m)
{
        m->n_refs++;
        return m;
}

UnitManager *unit_manager_unref(UnitManager *m)
{
        if (!m || --m->n_refs > 0)
                return NULL;
        sd_bus_slot_unref(m->subscribe);
        sd_bus_slot_unref(m->disconnected);
        sd_bus_slot_unref(m->units);
        sd_bus_slot_unref(m->signals);
        owner_free(m->owner);
        sd_bus_unref(m->bus);
        free(m);
        return NULL;
}

int unit_manager_new(sd_bus *bus, UnitManager **ret)
{
        _cleanup_(unit_manager_unrefp) UnitManager *m = NULL;
        int r;

        m = calloc(1, sizeof(UnitManager));
        if (!m)
                return -ENOMEM;
        *m = (UnitManager){ .n_refs = 1, .bus = sd_bus_ref(bus) };

        /* Before the owner, whose first word leads to questions: no signal may fall in between. */
        r = sd_bus_match_signal_async(bus, &m->disconnected, NULL, "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                      NULL, m);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &m->signals, UNIT_BUS_NAME, UNIT_MANAGER_PATH,
                                              UNIT_MANAGER_INTERFACE, NULL, on_signal, NULL, m);
        if (r >= 0)
                r = owner_new(bus, UNIT_BUS_NAME, on_owner, m, &m->owner);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}
