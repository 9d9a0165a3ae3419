/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Event: one status change, immutable and reference counted. It is made from EventFields, a plain
 * view that borrows everything; the event copies it, and shows its copy in the same form.
 *
 * An event is at most EVENT_SIZE_MAX bytes as JSON. What is larger loses the end of long strings,
 * then attributes from the end, then what the engine added, and says so in "truncated".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* Sixteen times what Podman's own lines have; a page of 1 MiB still holds many, and a broker takes
 * any reply. */
#define EVENT_SIZE_MAX (64 * 1024)

/* Of one string, as JSON: so the thirteen strings leave attributes more than half of the room. */
#define EVENT_STRING_MAX (2 * 1024)

/* Where an exit code is known from. */
#define EVIDENCE_EXIT_FILE "exit-file" /* what conmon wrote when the process ended */
#define EVIDENCE_PROCESS   "process"   /* what the kernel says of the process that ended */
#define EVIDENCE_EVENT     "event"     /* the engine's own event has it */
#define EVIDENCE_INFERRED  "inferred"  /* it can be proved from other events of the engine */

typedef struct Event Event;

/* A label. */
typedef struct EventAttribute {
        const char *key;
        const char *value; /* never NULL */
} EventAttribute;

typedef struct EventFields {
        /* Never NULL in an event; NULL here is "". */
        const char *type;
        const char *status;
        const char *id;
        const char *name;
        const char *image;
        const char *engine;

        uint64_t time_nsec; /* by the engine, CLOCK_REALTIME */
        uint64_t seq;       /* 0: not recorded yet */

        /* NULL: does not apply. */
        const char *exec_id;
        const char *pod_id;
        const char *network;
        const char *health_status;
        const char *error;
        const char *reason;
        const char *evidence; /* where the exit code is known from: EVIDENCE_... */

        int32_t exit_code;
        uint32_t uid;
        bool has_exit_code;
        bool has_uid;

        bool oom_killed;
        bool synthetic;
        bool truncated;
        bool backlog;    /* was in the engine's log when we first saw it: not signalled */
        bool unrecorded; /* of a signal alone: the history does not have the event yet */

        /* Of a signal alone: so many events right before this one are not signalled, since the
         * configuration says so. */
        uint32_t unsignalled;
        bool has_unsignalled;

        const EventAttribute *attributes; /* in the engine's order; no key stands there twice */
        size_t n_attributes;
        struct json_object *extra; /* what the engine adds: object of scalars, or NULL */
} EventFields;

/*
 * Copies the fields; "extra" is shared and must not be changed any more. What is no UTF-8
 * that the bus takes (base/utf8.h) becomes U+FFFD. Returns -EINVAL without type or status, -ENOMEM.
 */
int event_new(const EventFields *fields, Event **ret);

Event *event_ref(Event *event);

/* Takes NULL; returns NULL. */
Event *event_unref(Event *event);

/* Valid as long as the event is. */
const EventFields *event_fields(const Event *event);

/* The value of a label; NULL if there is none. */
const char *event_attribute(const EventFields *fields, const char *key);

/* Whether it is the end of an exec session that an engine ran for a health check: there are as many
 * as of "health_status", and nobody asked for them. */
bool event_is_health_check_exec(const EventFields *fields);

static inline void event_unrefp(Event **event)
{
        event_unref(*event);
}
