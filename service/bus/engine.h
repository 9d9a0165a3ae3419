/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sources on the bus: an object with the interface org.containers.Events.Engine each.
 */

#include <systemd/sd-bus.h>

#include "sources/source.h"

/* The source must outlive the bus. */
int bus_engine_add(sd_bus *bus, Source *source);

/* State or LastError changed. */
int bus_engine_changed(sd_bus *bus, const Source *source);
