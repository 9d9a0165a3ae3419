/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Errors of the service and of the bus, sorted by what a caller does about them. */

#include <systemd/sd-bus.h>

typedef enum BusFailure {
        BUS_FAILURE_OTHER,
        BUS_FAILURE_ABSENT,      /* the service is not on the bus and could not be started */
        BUS_FAILURE_DENIED,      /* the caller may not do that */
        BUS_FAILURE_ARGUMENT,    /* what the caller asked for cannot be: filter, time, ID */
        BUS_FAILURE_PASSING,     /* it goes by itself: try again later */
        BUS_FAILURE_UNAVAILABLE, /* the history cannot be read or written now */
        BUS_FAILURE_EXPIRED,     /* the cursor's place in the history is gone */
        BUS_FAILURE_NO_SUCH,     /* no such exec, no such container */
        BUS_FAILURE_RUNNING,     /* the exec has not ended */
        BUS_FAILURE_CODE_UNKNOWN,
        BUS_FAILURE_TIMED_OUT, /* what was waited for did not come */
} BusFailure;

BusFailure bus_failure(const sd_bus_error *error);
