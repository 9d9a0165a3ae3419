/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A connection to systemd's manager that is made again when it is cut, until there is a bus again:
 * first after a tenth of a second, later every ten seconds.
 */

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "unit-manager.h"

typedef struct UnitLink UnitLink;

/* A manager to ask, from the loop; NULL: the connection was cut, and what was under way has ended
 * with -ENOTCONN. The link must not be freed in it. */
typedef void (*UnitLinkHandler)(UnitManager *m, void *userdata);

/* Of the system, or of the user. The handler is first called from the loop. */
int unit_link_new(sd_event *loop, bool user, UnitLinkHandler handler, void *userdata,
                  UnitLink **ret);
UnitLink *unit_link_free(UnitLink *link);

/* The manager, borrowed, or NULL while there is no connection. */
UnitManager *unit_link_get_manager(const UnitLink *link);
