/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Waits until a unit has come to rest: it is inactive or failed without a job, or not loaded any
 * more. Also when systemd is reloaded or executed again meanwhile.
 */

#include "unit-state.h"

typedef struct UnitWatch UnitWatch;

/* Called once, and the watch may be freed in it. Result 0: it has come to rest, as the state says,
 * which is that of a unit that is not loaded if it was unloaded. -ENOTCONN: the connection was cut.
 */
typedef void (*UnitWatchHandler)(UnitWatch *w, int result, const UnitState *state, void *userdata);

int unit_watch_new(UnitManager *m, const char *unit, UnitWatchHandler handler, void *userdata,
                   UnitWatch **ret);
UnitWatch *unit_watch_free(UnitWatch *w);
