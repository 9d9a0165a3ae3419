/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Api: the object /org/containers/Events, its vtable and its handlers. A handler reads its
 * arguments, calls what knows the answer, and replies.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "bus/bus.h"
#include "bus/outbox.h"

typedef struct Api Api;

/* Both must outlive it. It is on no bus yet. */
int api_new(const BusHost *host, Outbox *outbox, Api **ret);

/* Puts the object on a bus that the outbox sends to, or takes it off; then calls that are not
 * answered stay so. The bus must outlive this. */
int api_join(Api *api, sd_bus *bus);
void api_leave(Api *api);

/* Takes NULL; returns NULL. */
Api *api_free(Api *api);

static inline void api_freep(Api **api)
{
        api_free(*api);
}

/* Answers the calls of Emit whose events are committed, and those of WaitExecExit that waited for
 * them, and lets streams go on. */
void api_committed(Api *api);
