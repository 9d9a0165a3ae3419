/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the service says about itself: its properties, and those of its sources, as JSON objects
 * with the names that they have on the bus. Both are the caller's to put.
 */

#include <stdint.h>

#include <json-c/json.h>
#include <systemd/sd-bus.h>

/* The call that asks the service for them; its reply is for variant_read_dict(). */
int properties_request(sd_bus *bus, sd_bus_message **ret);

int properties_of_service(sd_bus *bus, sd_bus_error *error, json_object **ret);

/* An array with one object for each source, sorted by name. */
int properties_of_sources(sd_bus *bus, sd_bus_error *error, json_object **ret);

/* A property in one of those objects; "" or 0 if it is not there. */
const char *properties_string(json_object *object, const char *name);
uint64_t properties_number(json_object *object, const char *name);
