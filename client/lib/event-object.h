/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of a cev_event: an event of its own, which keeps no message alive. */

#include "containers-events.h"
#include "event.h"

struct cev_event {
        unsigned n_ref;
        Event event;
        char *cursor; /* owned, or NULL */
};

/* A copy. cursor, right behind the event, may be NULL. */
int event_object_new(const Event *e, const char *cursor, cev_event **ret);
