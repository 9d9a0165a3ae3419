/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls that block until they are answered. */

#include "client.h"

typedef int (*CallMaker)(sd_bus *bus, const void *userdata, sd_bus_message **ret);

/* Of a question, which may be asked again: over errors that pass and over a connection of our own
 * that is cut it is, for some 13 s. The result is that of bus_errno(). */
int call_read(cev_client *c, CallMaker make, const void *userdata, sd_bus_error *ret_error,
              sd_bus_message **ret);

/* Of what must not be done twice. */
int call_once(cev_client *c, CallMaker make, const void *userdata, sd_bus_error *ret_error,
              sd_bus_message **ret);
