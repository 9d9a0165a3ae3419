/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a trigger tells the unit about an event: all of the specifiers and of the environment file
 * come from here, so that neither has to know where an event comes from.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All strings are borrowed. "" or NULL: it does not apply. */
typedef struct TriggerEvent {
        const char *type, *status, *id, *name, *image, *engine;
        uint64_t time_nsec;
        uint64_t seq;
        const char *cursor; /* right behind this event */

        const char *exec_id, *pod_id, *network, *health_status, *error, *reason;
        int exit_code; /* with has_exit_code */
        uid_t uid;     /* with has_uid */
        bool has_exit_code, has_uid;
        bool oom_killed, synthetic, backlog, truncated;
} TriggerEvent;
