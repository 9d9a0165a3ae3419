/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanEntry: one entry of the journal with which Podman tells an event, field by field, and the
 * event that it tells: the same as of a line of Podman's file, and whose Podman it was.
 *
 * Anybody on the machine can log an entry with Podman's fields. What journald itself adds (its
 * names begin with "_") nobody can, so the "uid" of the event is always _UID=: who forges an event
 * forges one of his own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/event.h"
#include "sources/podman-cmdline.h"

/* The match that all of Podman's entries have; so have its ordinary log messages. */
#define PODMAN_ENTRY_MATCH "SYSLOG_IDENTIFIER=podman"

/* Podman's entries have some 40 with what journald adds; somebody else's up to 1,024 of it would
 * take longer to look through than a turn should. */
#define PODMAN_ENTRY_FIELDS_MAX 128

typedef struct PodmanValue {
        bool is_set;
        size_t offset; /* in the text */
} PodmanValue;

/* Of the fields that are looked at. */
#define PODMAN_ENTRY_VALUES 22

/* All zero is an empty one. */
typedef struct PodmanEntry {
        /* When it was read: they borrow from it, until it is begun again. */
        EventFields fields;
        ExecWriter writer;
        uint32_t pid;                 /* of the writer; 0: not known */
        char session[PODMAN_ID_SIZE]; /* which the writer's command line names, or "" */

        const char *problem; /* why it is no event; valid as long */

        Buffer text; /* owned: the values, each ended by a NUL */
        PodmanValue values[PODMAN_ENTRY_VALUES];
        unsigned n_fields;          /* that were shown */
        struct json_object *labels; /* owned */
        struct json_object *extra;  /* owned */
} PodmanEntry;

/* Takes one that was never begun. */
void podman_entry_done(PodmanEntry *entry);

/* Another entry comes. */
void podman_entry_begin(PodmanEntry *entry);

/* Whether a field is one that is looked at; it may be cut behind its "=". */
bool podman_entry_wants(const char *field, size_t length);

/*
 * One field as it stands in the journal, "NAME=value", any bytes. Returns -EBADMSG if an event of
 * Podman has no such field ("problem" says why), -ENOMEM.
 */
int podman_entry_put(PodmanEntry *entry, const char *field, size_t length);

/*
 * All fields were put. Returns 1 if it is an event; 0 if it is something else that Podman logs;
 * -EBADMSG if it means to be one and is not, -ENOMEM.
 */
int podman_entry_read(PodmanEntry *entry);

/* The user whose entry it is, for messages; NULL if it says none. */
const char *podman_entry_uid(const PodmanEntry *entry);
