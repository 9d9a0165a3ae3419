/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What json-c leaves to its callers, and strings without it.
 */

#include "base/buffer.h"

struct json_object;

/*
 * Adds a member, or replaces one. The value is taken, also on failure; NULL is what a constructor
 * of json-c returns without memory. Returns -ENOMEM.
 */
int json_add(struct json_object *object, const char *key, struct json_object *value);

/* How many bytes from the start are ASCII that a JSON string holds as it is: not escaped. */
size_t json_plain(const char *bytes, size_t length);

/* Puts a string between quotes, escaped as json-c does it without escaping slashes. */
void json_put_string(Buffer *buffer, const char *string);
