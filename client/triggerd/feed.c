/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "cleanup.h"
#include "names.h"
#include "report.h"

struct Feed {
        ClientPool *clients; /* shared */
        cev_client *client;  /* borrowed, from there */
        const FeedHandler *handler;
        void *userdata;
        const Trigger *trigger;         /* borrowed */
        char *place;                    /* owned; behind all that was taken, or where to begin */
        cev_subscription *subscription; /* NULL: none now */
        Backoff backoff;                /* until the next one */
        bool troubled;                  /* which was said */
};

static void subscribe(Feed *f);

static int set_place(Feed *f, const char *cursor)
{
        char *copy = strdup(cursor);

        if (!copy)
                return -ENOMEM;
        free(f->place);
        f->place = copy;
        return 0;
}

static int on_event(cev_subscription *s, cev_event *e, void *userdata)
{
        Feed *f = userdata;
        int r;

        r = f->handler->event(e, f->userdata);
        return r < 0 ? r : set_place(f, cev_event_get_cursor(e));
}

static void take_rest(Feed *f)
{
        const char *cursor;

        backoff_reset(&f->backoff);
        f->troubled = false;
        if (!f->subscription || cev_subscription_get_cursor(f->subscription, &cursor) < 0)
                return;
        if ((f->place && strcmp(f->place, cursor) == 0) || set_place(f, cursor) < 0)
                return;
        f->handler->rest(f->place, f->userdata);
}

static int on_idle(cev_subscription *s, void *userdata)
{
        take_rest(userdata);
        return 0;
}

static void on_caught_up(cev_subscription *s, void *userdata)
{
        take_rest(userdata);
}

static void on_notice(cev_subscription *s, cev_notice notice, const char *text, void *userdata)
{
        Feed *f = userdata;

        if (notice == CEV_NOTICE_EXPIRED)
                report_warning("Trigger %s: part of the history was gone before it was read: %s%s",
                               f->trigger->name, text, report_period(text));
        if (notice != CEV_NOTICE_TROUBLE || f->troubled)
                return;
        f->troubled = true;
        report_warning("Trigger %s: the history cannot be read, and we go on trying: %s%s",
                       f->trigger->name, text, report_period(text));
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        Feed *f = userdata;

        backoff_stop(&f->backoff);
        subscribe(f);
        return 0;
}

static void on_end(cev_subscription *s, int result, const sd_bus_error *error, void *userdata)
{
        Feed *f = userdata;
        const char *sentence = error && error->message ? error->message : strerror(-result);

        f->subscription = cev_subscription_unref(f->subscription);
        if (result == -EINVAL) {
                report_error("Trigger %s does not run until its filters are changed: %s%s",
                             f->trigger->name, sentence, report_period(sentence));
                return;
        }
        if (!f->troubled)
                report_warning("Trigger %s: events cannot be had, and we go on trying: %s%s%s",
                               f->trigger->name, sentence, report_period(sentence),
                               result == -EACCES ? " Our user has to be in the group " CE_GROUP "."
                                                 : "");
        f->troubled = true;
        (void)backoff_rest(&f->backoff, cev_client_get_event(f->client), on_rested, f);
}

static int prepare(Feed *f, cev_subscription *s)
{
        int r = 0;

        for (char **filter = f->trigger->filters; *filter && r >= 0; filter++)
                r = cev_subscription_add_filter(s, *filter);
        if (r >= 0 && f->place)
                r = cev_subscription_set_cursor(s, f->place);
        /* What was in an engine's log before we knew it did not happen just now. */
        if (r >= 0)
                r = cev_subscription_set_backlog(s, false);
        if (r >= 0)
                r = cev_subscription_set_idle_handler(s, on_idle);
        if (r >= 0)
                r = cev_subscription_set_caught_up_handler(s, on_caught_up);
        if (r >= 0)
                r = cev_subscription_set_notice_handler(s, on_notice);
        if (r >= 0)
                r = cev_subscription_set_end_handler(s, on_end);
        return r;
}

static void subscribe(Feed *f)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = NULL;
        int r;

        r = cev_subscription_new(f->client, &s);
        if (r >= 0)
                r = prepare(f, s);
        if (r >= 0)
                r = cev_subscription_start(s, on_event, f);
        if (r < 0)
                on_end(NULL, r, NULL, f);
        else
                f->subscription = TAKE_PTR(s);
}

void feed_start(Feed *f, const Trigger *trigger, const char *cursor)
{
        feed_stop(f);
        f->trigger = trigger;
        /* Out of memory: from now on, and not from the beginning of time. */
        if (!f->place && cursor)
                (void)set_place(f, cursor);
        subscribe(f);
}

void feed_stop(Feed *f)
{
        f->subscription = cev_subscription_unref(f->subscription);
        backoff_reset(&f->backoff);
}

void feed_set_trigger(Feed *f, const Trigger *trigger)
{
        f->trigger = trigger;
}

Feed *feed_free(Feed *f)
{
        if (!f)
                return NULL;
        feed_stop(f);
        client_pool_leave(f->clients, f->client);
        free(f->place);
        free(f);
        return NULL;
}

int feed_new(ClientPool *clients, const FeedHandler *handler, void *userdata, Feed **ret)
{
        Feed *f = calloc(1, sizeof(Feed));

        if (!f)
                return -ENOMEM;
        *f = (Feed){
                .clients = clients,
                .client = client_pool_enter(clients),
                .handler = handler,
                .userdata = userdata,
        };
        *ret = f;
        return 0;
}
