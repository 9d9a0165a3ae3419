/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the events of Podman have in common, whether they come from its file or from the journal.
 */

#include <stddef.h>

#include "model/event.h"

/*
 * What Podman means and does not write. Up to 4.9 it left an exit code of 0 out, where it always
 * has one; since 5.0 it is always there. Up to 4.2 the ID of an exec session was an attribute. The
 * engine is set, too.
 */
void podman_fields_complete(EventFields *fields);

/*
 * JSON of Podman's as valid UTF-8 without escaped NULs: *ret_copy is that, owned by the caller, or
 * NULL if the text was it already. Returns -ENOMEM.
 */
int podman_json_clean(const char *text, size_t length, char **ret_copy, size_t *ret_length);
