/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Auth: who calls. Reading is the bus policy's business (policy/org.containers.Events.conf); this
 * guards what only root may do, or on a user's bus the user, and says whose limits a call counts
 * against.
 *
 * The broker is asked for the caller's uid once a connection, and not waited for: the handler runs
 * when the answer is there, and the calls of a connection stay in order. Unique names are never
 * given twice, so what it said stays true.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

/* Connections that are remembered, some 100 bytes each: as many as dbus-daemon lets be on the
 * system bus (max_completed_connections), so that all of them together do not make us ask twice. */
#define AUTH_CALLERS_MAX 2048

/* Calls of a connection that wait for the broker; more of them share a limit with those of all
 * others. So whoever calls too much takes nobody else's place, and calls together hold as many
 * messages as the numbers say. */
#define AUTH_WAITING_OF_CALLER 4
#define AUTH_WAITING_MAX       256

typedef struct Auth Auth;

/* "is_user_bus": our own uid is trusted like root. */
int auth_new(sd_bus *bus, bool is_user_bus, Auth **ret);

/* Takes NULL; returns NULL. Calls that wait are not answered. */
Auth *auth_free(Auth *auth);

static inline void auth_freep(Auth **auth)
{
        auth_free(*auth);
}

/*
 * Runs the handler when it is known who made the call, now or later; auth_uid() tells it. The
 * handler is one of a vtable: what it returns and sets becomes the answer. Returns what a handler
 * returns.
 */
int auth_identify(Auth *auth, sd_bus_message *call, sd_bus_message_handler_t handler,
                  void *userdata, sd_bus_error *error);

/* As auth_identify(), but refuses the call (NotAuthorized) if the caller is not trusted. */
int auth_check(Auth *auth, sd_bus_message *call, sd_bus_message_handler_t handler, void *userdata,
               sd_bus_error *error);

/* Who made the call. Returns -ENODATA if it was not asked for: call it in the handler. */
int auth_uid(const Auth *auth, sd_bus_message *call, uid_t *ret);
