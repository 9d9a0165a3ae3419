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

int bus_open(bool user, sd_bus **ret)
{
        return user ? sd_bus_open_user(ret) : sd_bus_open_system(ret);
}

int bus_open_client(bool user, cev_client **ret)
{
        return user ? cev_client_open_user(ret) : cev_client_open_system(ret);
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
