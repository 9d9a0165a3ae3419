/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clang-format off */
/*
 * Events as JSON: one object, with the keys and the spelling of Podman's log, then ours.
 *
 *   Podman's   ContainerExitCode OOMKilled ID Image Name network Status Time Type health_status
 *              error PodID Attributes
 *   ours       Seq Engine ExecID UID Synthetic Reason Evidence Truncated Backlog Extra
 *
 * A line of Podman has none of ours: a key of that name in it is what any unknown key is, something
 * that the engine adds, and is kept in Extra.
 */
/* clang-format on */

#include <stddef.h>

#include "base/buffer.h"
#include "model/event.h"

struct json_object;

typedef enum EventJsonForm {
        EVENT_JSON_PODMAN, /* a line of Podman's events.log */
        EVENT_JSON_RECORD, /* a record of our history */
} EventJsonForm;

/*
 * JSON, as json-c's strict mode has it, in valid UTF-8: one object and nothing behind it. Returns
 * -EBADMSG if it is not, or -ENOMEM.
 */
int event_json_tokenize(const char *text, size_t length, struct json_object **ret);

/*
 * Turns every escaped NUL, \u0000, in JSON text into an escaped U+FFFD, in place: neither C strings
 * nor the bus can hold a NUL, and it must not cost the event.
 */
void event_json_replace_nul(char *text, size_t length);

/*
 * The members of an object of strings, which keeps the array: until the object goes, or is asked
 * again. None is NULL. Returns -EBADMSG if a member is anything else, or holds a NUL; -ENOMEM.
 */
int event_json_attributes(struct json_object *object, const EventAttribute **ret, size_t *ret_n);

/*
 * The fields borrow from "root", which may gain a member that holds what the engine added. Returns
 * -EBADMSG if Type, Status or Time is missing or a key has a value of the wrong type; -ENOMEM.
 */
int event_json_read(struct json_object *root, EventJsonForm form, EventFields *ret);

/*
 * Puts the event as a record with the number "seq" behind what is in the buffer, without white
 * space: at most EVENT_SIZE_MAX bytes. Returns -ENOMEM.
 */
int event_json_put(Buffer *buffer, const EventFields *fields, uint64_t seq);

/* How an object becomes text, without white space. The text belongs to the object; NULL: no memory.
 */
const char *event_json_text(struct json_object *object, size_t *ret_length);
