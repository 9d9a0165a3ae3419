/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The call that has the service record an event as it was: with all its details, not signalled. */

#include <systemd/sd-bus.h>

#include "event.h"

int emit_call_new(sd_bus *bus, const Event *e, sd_bus_message **ret);
