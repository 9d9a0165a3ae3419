/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The connection to the bus, and what went wrong with it, told as sentences. */

#include <stdbool.h>

#include <containers-events.h>

#include "bus-failure.h"

int bus_open(bool user, sd_bus **ret);
int bus_open_client(bool user, cev_client **ret);

/* Prints "cevctl: " and a sentence about what failed on standard error. error may be unset, then r
 * is the negative errno. Returns the exit status that fits. */
int bus_report(bool user, const sd_bus_error *error, int r);

/* The same of a call of Emit: the bus refuses in its own words, for all that it does not let
 * through. */
int bus_report_emit(bool user, const sd_bus_error *error, int r);
