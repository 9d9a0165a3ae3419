/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the unit finds out about its event: a file of variables, for EnvironmentFile= and for a
 * shell's ".", which both read the very same values, whatever bytes these have. Every value is
 * data: in quotes, and escaped.
 */

#include <stdint.h>

#include "trigger-event.h"

/* Where the files are. */
#define ENVIRONMENT_FOLDER "/run/containers-events/trigger"

/*
 * The file's name in the folder, of what is a valid name of a unit: what systemd looks for when the
 * unit says %N.env. EnvironmentFile= is a pattern (glob(7)), so a "\" in the name of the unit
 * escapes what follows it, and is not part of the file's name: "page@my\x2dweb.service" reads
 * "page@myx2dweb.env". So two units may have one file: use them one after the other.
 */
int environment_file_name(const char *unit, char **ret);

/* The contents. coalesced: for how many events it stands, 1 for itself alone. */
int environment_file_text(const TriggerEvent *event, const char *trigger, uint64_t coalesced,
                          char **ret);
