/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who owns a name on the bus right now. A match rule with a well-known name as sender does not
 * keep out a signal that any peer sends directly to us, so whoever listens to signals compares the
 * sender with the unique name of the owner, which this object knows.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

typedef struct Owner Owner;

/* Called once when the owner is known for the first time (there may be none), and whenever it
 * changes. With error set, the bus did not say. */
typedef void (*OwnerHandler)(Owner *owner, const sd_bus_error *error, void *userdata);

/* name must outlive the object. Needs the event loop that the bus is attached to. */
int owner_new(sd_bus *bus, const char *name, OwnerHandler handler, void *userdata, Owner **ret);
Owner *owner_free(Owner *owner);

/* The unique name, or NULL while there is no owner. */
const char *owner_get(const Owner *owner);

/* Whether a message with this sender comes from the owner. */
bool owner_is(const Owner *owner, const char *sender);
