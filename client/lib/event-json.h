/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events as JSON, one object a line: the keys of the history's own records, which are Podman's and
 * ours, and with them "time" and "timeNano", which Podman's command line has, and the cursor right
 * after the event. Keys that do not apply are absent.
 */

#include <stdio.h>

#include <json-c/json.h>

#include "event.h"

/* cursor may be NULL. */
int event_to_json(const Event *e, const char *cursor, json_object **ret);

/* As a record of the history, but for its Position and CRC. */
int event_to_record(const Event *e, json_object **ret);

/* The object as one line, with its end. -ENOMEM if json-c has no room for the text. */
int json_print(FILE *f, json_object *object);
