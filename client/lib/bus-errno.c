/* SPDX-License-Identifier: Apache-2.0 */
#include "bus-errno.h"

#include <errno.h>

#include "bus-failure.h"
#include "names.h"

static int passing_errno(const sd_bus_error *error)
{
        if (sd_bus_error_has_name(error, CE_ERROR_LIMITS_EXCEEDED) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_LIMITS_EXCEEDED))
                return -EDQUOT;
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT))
                return -ETIMEDOUT;
        /* Whether what was asked for was done, nobody knows. */
        return -ECONNRESET;
}

int bus_errno(const sd_bus_error *error, int r)
{
        static const int errnos[] = {
                [BUS_FAILURE_ABSENT] = EHOSTUNREACH, [BUS_FAILURE_DENIED] = EACCES,
                [BUS_FAILURE_ARGUMENT] = EINVAL,     [BUS_FAILURE_UNAVAILABLE] = ENOTRECOVERABLE,
                [BUS_FAILURE_EXPIRED] = ESTALE,      [BUS_FAILURE_NO_SUCH] = ESRCH,
                [BUS_FAILURE_RUNNING] = EBUSY,       [BUS_FAILURE_CODE_UNKNOWN] = ENODATA,
                [BUS_FAILURE_TIMED_OUT] = ETIMEDOUT,
        };
        BusFailure failure;
        int e;

        if (!error || !error->name)
                return r;
        failure = bus_failure(error);
        if (failure == BUS_FAILURE_PASSING)
                return passing_errno(error);
        if (failure != BUS_FAILURE_OTHER)
                return -errnos[failure];
        e = sd_bus_error_get_errno(error);
        return e > 0 ? -e : r < 0 ? r : -EIO;
}
