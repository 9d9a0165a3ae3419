/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The words of events: the types there are, and the statuses that are the same in the vocabularies
 * of different engines. A status that stands in no table is passed through as it is.
 */

#include <stdbool.h>

/* Whether this is one of the nine types of the interface. */
bool event_type_is_known(const char *type);

/* The types, for a message: "use one of container, pod, ...". */
const char *event_types_text(void);

/*
 * The word by which a status is compared: "died" for "die", "exec_died" for "exec_die", "remove"
 * for "destroy", "delete" and "rm"; any other word is its own. Returns a constant or its argument.
 */
const char *event_status_canonical(const char *status);
