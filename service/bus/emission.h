/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Emissions: calls of Emit. Each becomes an event in the history, and is answered with its number
 * when that is committed, together with whatever else is. When the commit fails the call waits for
 * one that works: an error would say that the event was not recorded, and it will be, unless it is
 * dropped meanwhile.
 */

#include <systemd/sd-bus.h>

#include "bus/bus.h"

/* Calls that wait for their commit. */
#define EMISSIONS_MAX 1024

typedef struct Emissions Emissions;

/* "host" must outlive it. */
int emissions_new(const BusHost *host, Emissions **ret);

/* Takes NULL; returns NULL. Calls that are not answered stay so. */
Emissions *emissions_free(Emissions *emissions);

/* Takes over a call of somebody who may. Returns 1, or negative with "error" set. */
int emissions_add(Emissions *emissions, sd_bus_message *call, sd_bus_error *error);

/* Answers the calls whose events are committed, or were dropped: to be told before more is
 * committed, or a number that was dropped would pass for one that was not. */
void emissions_committed(Emissions *emissions);
