/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events on the bus: the only place where they become messages, and messages become events. The
 * form is CE_EVENT_SIGNATURE (names.h), the same in the signal and in replies.
 */

#include <stddef.h>

#include <systemd/sd-bus.h>

#include "model/event.h"

/* The signal EventEmitted. */
int bus_event_new_signal(sd_bus *bus, const EventFields *event, sd_bus_message **ret);

/* One more element of an array of events that is open. */
int bus_event_append(sd_bus_message *message, const EventFields *event);

/* At most how many bytes the event takes in a message. */
size_t bus_event_size(const EventFields *event);
