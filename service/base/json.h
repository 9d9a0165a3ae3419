/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What json-c leaves to its callers.
 */

struct json_object;

/*
 * Adds a member, or replaces one. The value is taken, also on failure; NULL is what a constructor
 * of json-c returns without memory. Returns -ENOMEM.
 */
int json_add(struct json_object *object, const char *key, struct json_object *value);
