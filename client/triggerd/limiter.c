/* SPDX-License-Identifier: Apache-2.0 */
#include "limiter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "clock.h"
#include "names.h"
#include "report.h"

struct Limiter {
        sd_event *loop; /* shared */
        RateLimit *limit;
        const Trigger *trigger;
        uint64_t usec;          /* the time by which is counted */
        sd_event_source *timer; /* when what was left out is to be said, or NULL */
};

/* One record for all that the limit left out. */
static void tell(const char *trigger, const RateLimitRecord *record)
{
        if (!report_is_journal()) {
                report_warning("Trigger %s: its rate limit left out %" PRIu64
                               " events, from number %" PRIu64 " to %" PRIu64 ".",
                               trigger, record->left_out, record->first_seq, record->last_seq);
                return;
        }
        sd_journal_send("MESSAGE=Trigger %s: its rate limit left out %" PRIu64
                        " events, from number %" PRIu64 " to %" PRIu64 ".",
                        trigger, record->left_out, record->first_seq, record->last_seq,
                        "MESSAGE_ID=" CE_MESSAGE_LEFT_OUT, "PRIORITY=%i", LOG_WARNING,
                        "SYSLOG_IDENTIFIER=containers-events-triggerd",
                        "CONTAINERS_EVENTS_TRIGGER=%s", trigger,
                        "CONTAINERS_EVENTS_LEFT_OUT=%" PRIu64, record->left_out,
                        "CONTAINERS_EVENTS_FIRST_SEQ=%" PRIu64, record->first_seq,
                        "CONTAINERS_EVENTS_LAST_SEQ=%" PRIu64, record->last_seq, NULL);
}

static void record(Limiter *l, uint64_t usec)
{
        RateLimitRecord left_out;

        if (rate_limit_record(l->limit, usec, &left_out))
                tell(l->trigger->name, &left_out);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
        Limiter *l = userdata;

        l->timer = sd_event_source_disable_unref(l->timer);
        record(l, clock_usec(CLOCK_REALTIME));
        return 0;
}

/* At the latest when an interval has passed here: the event may be an old one. */
static void record_soon(Limiter *l)
{
        if (!l->timer && l->limit->left_out > 0)
                (void)sd_event_add_time_relative(l->loop, &l->timer, CLOCK_MONOTONIC,
                                                 l->limit->interval_usec, 0, on_due, l);
}

static void tick(Limiter *l, uint64_t event_usec)
{
        uint64_t now = clock_usec(CLOCK_REALTIME);

        if (now < l->usec) {
                l->usec = 0;
                l->limit->started = 0;
        }
        if (event_usec > now)
                event_usec = now;
        if (event_usec > l->usec)
                l->usec = event_usec;
}

bool limiter_passes(Limiter *l, uint64_t event_usec, uint64_t seq)
{
        tick(l, event_usec);
        record(l, l->usec);
        if (rate_limit_take(l->limit, l->usec, seq))
                return true;
        record_soon(l);
        return false;
}

void limiter_settle(Limiter *l)
{
        record(l, UINT64_MAX);
}

void limiter_set_trigger(Limiter *l, const Trigger *trigger)
{
        l->trigger = trigger;
        l->limit->interval_usec = trigger->rate_limit_interval_usec;
        l->limit->burst = trigger->rate_limit_burst;
        l->timer = sd_event_source_disable_unref(l->timer);
        if (l->limit->interval_usec == 0)
                limiter_settle(l);
        record_soon(l);
}

Limiter *limiter_free(Limiter *l)
{
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->timer);
        sd_event_unref(l->loop);
        free(l);
        return NULL;
}

int limiter_new(sd_event *loop, RateLimit *limit, Limiter **ret)
{
        Limiter *l = calloc(1, sizeof(Limiter));

        if (!l)
                return -ENOMEM;
        *l = (Limiter){ .loop = sd_event_ref(loop), .limit = limit, .usec = limit->begin_usec };
        *ret = l;
        return 0;
}
