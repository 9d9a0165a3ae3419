/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Members of JSON objects.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* Borrowed; "" if there is no such text, or the object is none. */
const char *value_text(json_object *object, const char *key);

bool value_flag(json_object *object, const char *key);
uint64_t value_number(json_object *object, const char *key); /* 0: none */

/* An object, borrowed, or NULL. */
json_object *value_object(json_object *object, const char *key);

/* Sets a member and takes the value; NULL, which nobody had memory for, is -ENOMEM. */
int value_put(json_object *object, const char *key, json_object *value);
int value_put_text(json_object *object, const char *key, const char *text);

/* Adds to an array, which takes a reference of its own. */
int value_append(json_object *array, json_object *value);

/* -EINVAL: not all of the text is one value. */
int value_parse(const char *text, size_t length, json_object **ret);
