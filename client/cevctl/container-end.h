/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether a container has ended, and with which code, from one of its events after the other. Pure:
 * no bus.
 */

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

typedef struct ContainerEnd {
        const char *id; /* borrowed: what was asked for, or the beginning of it */
        char *full_id;  /* owned; NULL before its first event */
        bool ended;     /* it is not running, and was */
        bool known;     /* with which code */
        int code;
        uint64_t time_nsec; /* of the event that has told last */
} ContainerEnd;

void container_end_done(ContainerEnd *end);

/* Returns 1 if the event is an end. -ENOTUNIQ: there is another container whose ID begins so. */
int container_end_look_at(ContainerEnd *end, const Event *e);
