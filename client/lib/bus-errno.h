/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <systemd/sd-bus.h>

/* The errno that containers-events.h promises for an error of the service or of the bus; r if there
 * is none. Negative. */
int bus_errno(const sd_bus_error *error, int r);
