/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a unit does, as systemd says when it is asked.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "unit-manager.h"

/* All words are systemd's, and borrowed from the question. */
typedef struct UnitState {
        const char *name;         /* another than was asked for, if that is an alias */
        const char *path;         /* of its object; "" if it is not loaded */
        const char *load_state;   /* "loaded", "not-found", "masked", ...; "" if it is not loaded */
        const char *active_state; /* "inactive" if it is not loaded */
        const char *sub_state;
        sd_id128_t invocation; /* of this run, or of the last since it was loaded, else null */
        uint32_t job;          /* 0: none is queued */
        uint64_t changed_usec; /* of CLOCK_REALTIME; 0: never */
} UnitState;

/* Whether a start would be the beginning of a new run, and not nothing. */
bool unit_state_is_at_rest(const UnitState *state);

/* A state, or result and error: as in unit-error.h, or -ENOTCONN, -ETIMEDOUT. The question may be
 * freed in it. */
typedef struct UnitQuestion UnitQuestion;
typedef void (*UnitStateHandler)(UnitQuestion *q, int result, const UnitState *state,
                                 const sd_bus_error *error, void *userdata);

/* "load": a unit that is not loaded is, so that its load_state is known; systemd unloads it again.
 * The answer comes when systemd is there, and within the time; UINT64_MAX: no limit. */
int unit_ask(UnitManager *m, const char *unit, bool load, uint64_t timeout_usec,
             UnitStateHandler handler, void *userdata, UnitQuestion **ret);
UnitQuestion *unit_question_free(UnitQuestion *q);
