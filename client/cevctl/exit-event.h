/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The event that told an exit code, which says what else there is to know of it: whose it was,
 * when, and how the code is known.
 */

#include <json-c/json.h>

#include "command.h"
#include "exit-wait.h"

/* As JSON; NULL if the history does not have it any more. -1, or the exit status after a sentence.
 */
int exit_event_find(const Context *c, ExitKind kind, const char *id, int code, json_object **ret);
