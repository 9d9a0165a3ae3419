/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether an event of the history passes filters. The service says so: it is asked for what comes
 * behind the event before, no later than this one.
 */

#include <stdbool.h>

#include <containers-events.h>

/* Filters end in NULL. Whether they are some: as cev_query_next(), -EINVAL if not. */
int trigger_filters_check(cev_client *client, const char *const *filters, sd_bus_error *ret_error);

/* As of cev_query_next(). */
int trigger_filters_pass(cev_client *client, cev_event *event, const char *const *filters,
                         bool *ret, sd_bus_error *ret_error);
