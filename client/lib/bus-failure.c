/* SPDX-License-Identifier: Apache-2.0 */
#include "bus-failure.h"

#include <string.h>

#include "names.h"

static const struct {
        const char *name;
        BusFailure failure;
} failures[] = {
        { SD_BUS_ERROR_SERVICE_UNKNOWN, BUS_FAILURE_ABSENT },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, BUS_FAILURE_ABSENT },
        { SD_BUS_ERROR_ACCESS_DENIED, BUS_FAILURE_DENIED },
        { CE_ERROR_NOT_AUTHORIZED, BUS_FAILURE_DENIED },
        { SD_BUS_ERROR_INVALID_ARGS, BUS_FAILURE_ARGUMENT },
        { CE_ERROR_INVALID_FILTER, BUS_FAILURE_ARGUMENT },
        { CE_ERROR_INVALID_TIME, BUS_FAILURE_ARGUMENT },
        { CE_ERROR_LIMITS_EXCEEDED, BUS_FAILURE_PASSING },
        { SD_BUS_ERROR_LIMITS_EXCEEDED, BUS_FAILURE_PASSING },
        { SD_BUS_ERROR_NO_REPLY, BUS_FAILURE_PASSING },
        { SD_BUS_ERROR_TIMEOUT, BUS_FAILURE_PASSING },
        { SD_BUS_ERROR_DISCONNECTED, BUS_FAILURE_PASSING },
        { CE_ERROR_LOG_UNAVAILABLE, BUS_FAILURE_UNAVAILABLE },
        { CE_ERROR_CURSOR_EXPIRED, BUS_FAILURE_EXPIRED },
        { CE_ERROR_NO_SUCH_EXEC, BUS_FAILURE_NO_SUCH },
        { CE_ERROR_NO_SUCH_CONTAINER, BUS_FAILURE_NO_SUCH },
        { CE_ERROR_EXEC_RUNNING, BUS_FAILURE_RUNNING },
        { CE_ERROR_EXIT_CODE_UNKNOWN, BUS_FAILURE_CODE_UNKNOWN },
        { CE_ERROR_TIMED_OUT, BUS_FAILURE_TIMED_OUT },
};

BusFailure bus_failure(const sd_bus_error *error)
{
        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
                if (sd_bus_error_has_name(error, failures[i].name))
                        return failures[i].failure;
        /* The bus tried to start the service and could not; these are many. */
        if (error->name && strncmp(error->name, "org.freedesktop.DBus.Error.Spawn.",
                                   strlen("org.freedesktop.DBus.Error.Spawn.")) == 0)
                return BUS_FAILURE_ABSENT;
        return BUS_FAILURE_OTHER;
}
