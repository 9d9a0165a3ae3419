/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-error.h"

#include <errno.h>

#define SYSTEMD_ERROR "org.freedesktop.systemd1."

static const struct {
        const char *name;
        int r;
} errors[] = {
        { SYSTEMD_ERROR "NoSuchUnit", -ENOENT },
        { SD_BUS_ERROR_UNKNOWN_OBJECT, -ENOENT },
        { SYSTEMD_ERROR "UnitMasked", -ERFKILL },
        { SYSTEMD_ERROR "BadUnitSetting", -ENOEXEC },
        { SYSTEMD_ERROR "LoadFailed", -ENOEXEC },
        { SYSTEMD_ERROR "OnlyByDependency", -EPERM },
        { SYSTEMD_ERROR "JobTypeNotApplicable", -EBADR },
        { SYSTEMD_ERROR "TransactionIsDestructive", -EDEADLK },
        { SYSTEMD_ERROR "ShuttingDown", -EDEADLK },
        { SD_BUS_ERROR_ACCESS_DENIED, -EACCES },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, -EACCES },
        { SD_BUS_ERROR_AUTH_FAILED, -EACCES },
        { SD_BUS_ERROR_INVALID_ARGS, -EINVAL },
};

int unit_error_to_errno(const sd_bus_error *error)
{
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
                if (sd_bus_error_has_name(error, errors[i].name))
                        return errors[i].r;
        return -EREMOTEIO;
}

bool unit_error_is_unanswered(const sd_bus_error *error)
{
        return sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_DISCONNECTED);
}

bool unit_error_is_absent(const sd_bus_error *error)
{
        return sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}
