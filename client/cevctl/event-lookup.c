/* SPDX-License-Identifier: Apache-2.0 */
#include "event-lookup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cleanup.h"

/* -1, or the exit status. */
static int take_seq(const Context *c, const char *text, uint64_t *ret)
{
        unsigned long long n;

        errno = 0;
        n = strtoull(text, NULL, 10);
        if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || errno != 0 || n == 0)
                return command_usage_error(c, "\"%s\" is no event's number.", text);
        *ret = n;
        return -1;
}

int event_lookup(const Context *c, cev_client *client, const char *seq, cev_event **ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t n = 0;
        int status, r;

        status = take_seq(c, seq, &n);
        if (status >= 0)
                return status;
        r = cev_get_event(client, n, ret, &error);
        if (r == -ENOENT) {
                fprintf(stderr,
                        "cevctl: The history has no event %" PRIu64 ": \"cevctl status\" says "
                        "which ones it keeps.\n",
                        n);
                return STATUS_NO_SUCH;
        }
        return r < 0 ? bus_report(c->user, &error, r) : -1;
}
