/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Auth: who calls. Reading is the bus policy's business (policy/org.containers.Events.conf); this
 * guards what only root may do, or on a user's bus the user.
 *
 * The broker is asked for the caller's uid once a connection, and not waited for: the handler runs
 * when the answer is there. Unique names are never given twice, so what it said stays true.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

/* Callers that are remembered: more than callers of Emit that anybody has at a time. */
#define AUTH_CALLERS_MAX 64

/* Calls that wait for the broker. */
#define AUTH_WAITING_MAX 256

typedef struct Auth Auth;

/* "is_user_bus": our own uid is trusted like root. */
int auth_new(sd_bus *bus, bool is_user_bus, Auth **ret);

/* Takes NULL; returns NULL. */
Auth *auth_free(Auth *auth);

static inline void auth_freep(Auth **auth)
{
        auth_free(*auth);
}

/*
 * Runs the handler if the caller of "call" is trusted, now or later, and refuses the call otherwise
 * (NotAuthorized). The handler is one of a vtable: what it returns and sets becomes the answer.
 * Returns what a handler returns.
 */
int auth_check(Auth *auth, sd_bus_message *call, sd_bus_message_handler_t handler, void *userdata,
               sd_bus_error *error);
