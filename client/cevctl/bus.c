/* SPDX-License-Identifier: Apache-2.0 */
#include "bus.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "escape.h"
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

int bus_open(bool user, sd_bus **ret)
{
        return user ? sd_bus_open_user(ret) : sd_bus_open_system(ret);
}

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

static void report_absent(bool user)
{
        fprintf(stderr,
                "cevctl: containers-eventsd is not running on the %s bus. Start it with "
                "\"systemctl %sstart containers-eventsd\"%s.\n",
                user ? "user" : "system", user ? "--user " : "",
                user ? "" : ", or ask your own instance with --user");
}

static void report_denied(bool user, const sd_bus_error *error)
{
        const struct passwd *pw = getpwuid(geteuid());

        /* The service says who may; the bus knows nothing about us. */
        if (user || sd_bus_error_has_name(error, CE_ERROR_NOT_AUTHORIZED)) {
                fputs("cevctl: ", stderr);
                escape_print(stderr, error->message ?: error->name);
                fputc('\n', stderr);
                return;
        }
        fprintf(stderr,
                "cevctl: Only root and members of the group " CE_GROUP " may read events. "
                "To join it, have root run \"usermod -aG " CE_GROUP " %s\" and log in again.\n",
                pw ? pw->pw_name : "USER");
}

int bus_report(bool user, const sd_bus_error *error, int r)
{
        static const int statuses[] = {
                [BUS_FAILURE_ARGUMENT] = STATUS_USAGE,
                [BUS_FAILURE_NO_SUCH] = STATUS_NO_SUCH,
                [BUS_FAILURE_RUNNING] = STATUS_RUNNING,
                [BUS_FAILURE_CODE_UNKNOWN] = STATUS_CODE_UNKNOWN,
                [BUS_FAILURE_TIMED_OUT] = STATUS_TIMED_OUT,
        };
        BusFailure failure;

        if (!error || !error->name) {
                fprintf(stderr, "cevctl: The %s bus cannot be used: %s. %s\n",
                        user ? "user" : "system", strerror(-r),
                        user ? "Run it in a login session, or set DBUS_SESSION_BUS_ADDRESS."
                             : "Start dbus.service, or ask the user's own service with --user.");
                return STATUS_ERROR;
        }

        failure = bus_failure(error);
        if (failure == BUS_FAILURE_ABSENT) {
                report_absent(user);
        } else if (failure == BUS_FAILURE_DENIED) {
                report_denied(user, error);
        } else {
                fputs("cevctl: ", stderr);
                escape_print(stderr,
                             error->message && *error->message ? error->message : error->name);
                fputc('\n', stderr);
        }
        if (failure < sizeof(statuses) / sizeof(statuses[0]) && statuses[failure] != 0)
                return statuses[failure];
        return STATUS_ERROR;
}

int bus_report_emit(bool user, const sd_bus_error *error, int r)
{
        if (!sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                return bus_report(user, error, r);
        fputs("cevctl: Only root may record events.\n", stderr);
        return STATUS_ERROR;
}
