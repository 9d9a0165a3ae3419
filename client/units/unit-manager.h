/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * systemd's manager, the system's or a user's, as seen from one connection to the bus: it is asked
 * for what its units do (unit-state.h), for jobs (unit-job.h) and to say when a unit has come to
 * rest (unit-watch.h). All of it is asynchronous, on the loop that the connection is attached to.
 *
 * systemd may be reloaded or executed again at any time, and then signals are missed: whoever waits
 * for one asks for the state then, so that nothing is waited for in vain. When the connection is
 * cut everything that is under way ends with -ENOTCONN; unit-link.h makes another.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

typedef struct UnitManager UnitManager;

/* systemd needs so long for an answer at most, however busy it is: while it is reloaded it gives
 * none, and whether we may may be asked of a slow authority first. */
#define UNIT_CALL_USEC UINT64_C(60000000)

int unit_manager_new(sd_bus *bus, UnitManager **ret);
UnitManager *unit_manager_ref(UnitManager *m);
UnitManager *unit_manager_unref(UnitManager *m); /* NULL is allowed */

static inline void unit_manager_unrefp(UnitManager **m)
{
        unit_manager_unref(*m);
}

/* ---- for unit-*.c ---- */

/* One who waits. A handler may remove any listener, its own too. */
typedef struct UnitListener UnitListener;

typedef struct UnitListenerHandler {
        /* Signals come from now on, and those until now may have been missed. */
        void (*ready)(UnitListener *l);
        void (*job_removed)(UnitListener *l, uint32_t job, const char *result);
        void (*unit_changed)(UnitListener *l, const char *path);
        void (*unit_removed)(UnitListener *l, const char *path);
        void (*cut)(UnitListener *l);
} UnitListenerHandler;

struct UnitListener {
        const UnitListenerHandler *handler; /* each may be NULL */
        UnitListener *previous, *next;
        bool wants_units; /* unit_changed is to be called */
};

/* -ENOTCONN if the connection is cut. */
int unit_manager_listen(UnitManager *m, UnitListener *l);
void unit_manager_forget(UnitManager *m, UnitListener *l);

/* Whether signals come. */
bool unit_manager_is_ready(const UnitManager *m);

/* dbus-daemon lets one connection wait for 128 answers: so many questions are asked at once. */
#define UNIT_QUESTIONS_MAX 32

/* A place among those, or in the line for one. */
typedef struct UnitPlace UnitPlace;
struct UnitPlace {
        void (*granted)(UnitPlace *place); /* to who had to wait */
        UnitPlace *next;                   /* in the line */
        bool taken, waits;
};

/* Whether it is granted at once. */
bool unit_manager_take_place(UnitManager *m, UnitPlace *place);
void unit_manager_leave_place(UnitManager *m, UnitPlace *place); /* or the line */

sd_bus *unit_manager_get_bus(const UnitManager *m);

/* A method of the manager's object, to be appended to, which does not start systemd. */
int unit_manager_new_call(UnitManager *m, const char *member, sd_bus_message **ret);
