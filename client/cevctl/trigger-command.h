/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * "cevctl trigger VERB": what the triggers of the host are, and what one would do. Each verb is a
 * file of its own and returns the exit status.
 */

#include <json-c/json.h>
#include <systemd/sd-bus.h>

#include "command.h"
#include "trigger-folder.h"

typedef struct TriggerArguments {
        const char *root;   /* --root; "" for the host's own */
        const char *event;  /* --event; or NULL */
        char *const *names; /* behind the verb */
        size_t n_names;
} TriggerArguments;

int trigger_list(const Context *c, const TriggerArguments *a);
int trigger_cat(const Context *c, const TriggerArguments *a);
int trigger_test(const Context *c, const TriggerArguments *a);

/* Tells on standard error. */
extern const TriggerReport trigger_report;

/* All triggers; what is odd about those that were asked for is told on standard error. -1, or the
 * exit status. */
int trigger_load_all(const TriggerArguments *a, TriggerSet *ret);

/* Tells that there is no such trigger; returns STATUS_NO_SUCH. */
int trigger_unknown(const char *name);

/* Tells if nothing is started because nobody runs the host's triggers, as far as can be asked. The
 * bus may be NULL. */
void trigger_tell_daemon(const Context *c, const TriggerArguments *a, sd_bus *bus);

/* What stands in the state's column: "loaded", "masked", "broken". */
const char *trigger_state_name(TriggerState state);

/* Prints lines: what is not printable, but for their ends and tabs, is escaped. The text ends in a
 * NUL, and is changed meanwhile. */
void trigger_print_text(char *text, size_t length);

/* Adds to the object, which owns the value then, also if there is no room for it: -ENOMEM. A value
 * of NULL is one that could not be made. */
int trigger_json_add(json_object *object, const char *key, json_object *value);

/* The list as a JSON array; no list is an empty one. NULL: no room. */
json_object *trigger_json_list(char *const *list);
