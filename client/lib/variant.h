/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Values of any D-Bus type as JSON: for details of events that this program does not know, and for
 * properties. Numbers stay exact (64 bits), strings and paths become strings, dictionaries become
 * objects, everything else that holds several values becomes an array. A file descriptor is null,
 * and so is a number that is not finite.
 */

#include <json-c/json.h>
#include <systemd/sd-bus.h>

/* Reads the variant that comes next. */
int variant_read(sd_bus_message *m, json_object **ret);

/* Reads the a{sv} that comes next, as one object. */
int variant_read_dict(sd_bus_message *m, json_object **ret);
