/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An event, as a client sees it: read from a signal, from a reply or from a line of JSON, never
 * changed afterwards. The strings are the message's own, or the JSON object's, so an Event holds a
 * reference to it; or its own. Details that this program knows have a field; the others are kept as
 * they came.
 *
 * What does not apply is NULL or false, never "" or 0: a container that ended with 0 has an exit
 * code, one that was started has none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <systemd/sd-bus.h>

typedef struct EventAttribute {
        const char *key;
        const char *value;
} EventAttribute;

typedef struct Event {
        sd_bus_message *message; /* owned, or NULL; the strings below are in it */
        json_object *root;       /* owned, or NULL; or they are in this */
        char *strings;           /* owned, or NULL; or in this */

        const char *type;
        const char *status;
        const char *id;     /* or "" */
        const char *name;   /* or "" */
        const char *image;  /* or "" */
        const char *engine; /* or "" */
        uint64_t time_nsec;
        uint64_t seq;

        const char *exec_id;
        const char *pod_id;
        const char *network;
        const char *health_status;
        const char *error;
        const char *reason;
        const char *evidence;
        int32_t exit_code;
        uint32_t uid;
        bool has_exit_code;
        bool has_uid;
        bool oom_killed;
        bool synthetic;
        bool backlog;
        bool unrecorded; /* in a signal: the history does not have it yet */
        bool has_unsignalled;
        uint32_t unsignalled; /* in a signal: so many before it are not signalled */
        bool truncated;

        EventAttribute *attributes; /* owned; sorted by key */
        size_t n_attributes;
        json_object *others; /* owned, or NULL: object with all other details */
} Event;

/* Reads the nine values of an event: the body of a signal, or a structure that was entered. */
int event_read(sd_bus_message *m, Event *ret);
void event_done(Event *e);

/* With strings of its own: for who keeps one event of a large reply. */
int event_copy(const Event *e, Event *ret);

/* Whether it is the end of an exec session that an engine ran for a health check. */
bool event_is_health_check_exec(const Event *e);

/* Whether a detail of that name has a place of its own. */
bool event_detail_is_known(const char *key);

/* The value of a label, or NULL. */
const char *event_attribute(const Event *e, const char *key);
