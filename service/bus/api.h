/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Api: the object /org/containers/Events, its vtable and its handlers. A handler reads its
 * arguments, calls what knows the answer, and replies.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "bus/bus.h"

typedef struct Api Api;

/* "host" must outlive it. */
int api_new(sd_bus *bus, const BusHost *host, Api **ret);

/* Takes NULL; returns NULL. */
Api *api_free(Api *api);

static inline void api_freep(Api **api)
{
        api_free(*api);
}

/* Answers the calls of Emit whose events are committed, and lets streams go on. */
void api_committed(Api *api);
