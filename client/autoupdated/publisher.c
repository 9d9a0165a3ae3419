/* SPDX-License-Identifier: Apache-2.0 */
#include "publisher.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "report.h"

/* Until the service is back, or the history can be written again. */
#define RETRY_USEC UINT64_C(5000000)

struct Publisher {
        cev_client *client;     /* weak */
        Ledger *ledger;         /* weak */
        sd_event_source *timer; /* owned; on while there is something to publish */
        bool troubled;          /* which was said */
};

/* What it takes for no event will never be one. */
static bool is_refused(int r)
{
        return r == -EINVAL;
}

static int publish_first(Publisher *p)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        json_object *first = ledger_first(p->ledger);
        int r;

        if (!first)
                return -ENODATA;
        r = outcome_emit(p->client, first, &error);
        if (r < 0 && !is_refused(r)) {
                if (!p->troubled)
                        report_warning("What was done cannot be published now, and is kept: %s",
                                       error.message ? error.message : strerror(-r));
                p->troubled = true;
                return r;
        }
        if (r < 0)
                report_error("What was done cannot be published: %s",
                             error.message ? error.message : strerror(-r));
        p->troubled = false;
        ledger_pop(p->ledger);
        return ledger_save(p->ledger);
}

/* One at a time: each waits for the disk of the service. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Publisher *p = userdata;
        int r = publish_first(p);

        if (r == -ENODATA)
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        r = sd_event_source_set_time_relative(source, r < 0 ? RETRY_USEC : 0);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int publisher_new(cev_client *client, Ledger *ledger, Publisher **ret)
{
        Publisher *p = calloc(1, sizeof(Publisher));
        int r;

        if (!p)
                return -ENOMEM;
        p->client = client;
        p->ledger = ledger;
        r = sd_event_add_time_relative(cev_client_get_event(client), &p->timer, CLOCK_MONOTONIC, 0,
                                       0, on_timer, p);
        if (r < 0) {
                free(p);
                return r;
        }

        *ret = p;
        return 0;
}

Publisher *publisher_free(Publisher *p)
{
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->timer);
        free(p);
        return NULL;
}

int publisher_add(Publisher *p, const Outcome *outcome)
{
        _cleanup_json_ json_object *object = NULL;
        int r = outcome_to_json(outcome, &object);

        return r < 0 ? r : ledger_push(p->ledger, object);
}

void publisher_wake(Publisher *p)
{
        (void)sd_event_source_set_time_relative(p->timer, 0);
        (void)sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
}
