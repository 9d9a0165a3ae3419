/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <errno.h>
#include <time.h>

#include "bus-errno.h"
#include "bus-failure.h"
#include "cleanup.h"

/* As a subscription does it that has not been answered yet: 0.1 s, 0.2 s, ..., 6.4 s. */
#define RESTS_MAX       7
#define FIRST_REST_NSEC UINT64_C(100000000)
#define NSEC_PER_SEC    UINT64_C(1000000000)

static void rest(unsigned n)
{
        uint64_t nsec = FIRST_REST_NSEC << n;
        struct timespec left = {
                .tv_sec = (time_t)(nsec / NSEC_PER_SEC),
                .tv_nsec = (long)(nsec % NSEC_PER_SEC),
        };

        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                ;
}

static int try(cev_client *c, CallMaker make, const void *userdata, sd_bus_error *error,
               sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus;
        int r;

        r = client_bus(c, &bus);
        if (r >= 0)
                r = make(bus, userdata, &m);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, error, ret);
        return r < 0 ? bus_errno(error, r) : 0;
}

/* A call that took too long is not one that passes: the next would take as long. After a cut the
 * service may come to the new bus later than we do. */
static bool passes(const cev_client *c, bool was_cut, const sd_bus_error *error, int r)
{
        BusFailure failure = error->name ? bus_failure(error) : BUS_FAILURE_OTHER;

        if (r == -ETIMEDOUT)
                return false;
        return client_is_cut(c) || failure == BUS_FAILURE_PASSING ||
               (was_cut && failure == BUS_FAILURE_ABSENT);
}

static int hand_on(sd_bus_error *error, sd_bus_error *ret_error, int r)
{
        if (r >= 0 || !ret_error) {
                sd_bus_error_free(error);
                return r;
        }
        sd_bus_error_free(ret_error);
        *ret_error = *error;
        return r;
}

int call_read(cev_client *c, CallMaker make, const void *userdata, sd_bus_error *ret_error,
              sd_bus_message **ret)
{
        bool was_cut = client_is_cut(c);

        for (unsigned n = 0;; n++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                int r = try(c, make, userdata, &error, ret);

                was_cut = was_cut || client_is_cut(c);
                if (r >= 0 || n == RESTS_MAX || !passes(c, was_cut, &error, r))
                        return hand_on(&error, ret_error, r);
                sd_bus_error_free(&error);
                rest(n);
        }
}

int call_once(cev_client *c, CallMaker make, const void *userdata, sd_bus_error *ret_error,
              sd_bus_message **ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;

        return hand_on(&error, ret_error, try(c, make, userdata, &error, ret));
}
