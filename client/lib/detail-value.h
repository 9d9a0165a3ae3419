/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Details of an event that is emitted, given as texts: the interface has numbers and truths among
 * them. */

#include <stdbool.h>

#include <systemd/sd-bus.h>

/* Whether the text can be the value of that detail. */
bool detail_is_valid(const char *key, const char *text);

/* Appends both, with the type that the detail has. -EINVAL for what is not valid. */
int detail_append(sd_bus_message *m, const char *key, const char *text);
