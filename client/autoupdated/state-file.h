/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file of JSON, state.json in a folder, that is replaced as a whole: whoever is killed, or loses
 * power, while it is written finds the old one or the new one.
 */

#include <json-c/json.h>

/* An object. -ENOENT: there is no file. -EBADMSG: it is no object of JSON. */
int state_file_read(int folder, json_object **ret);

/* Returns when it is on the disk. */
int state_file_write(int folder, json_object *root);

/* It gets the name state.json.broken, for people. */
int state_file_set_aside(int folder);
