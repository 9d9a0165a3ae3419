/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "cleanup.h"
#include "containers-events.h"
#include "fleet.h"
#include "report.h"
#include "round.h"
#include "update.h"

/* Podman that cannot be asked is asked again, ever less often, or when an event comes. */
#define RETRY_FIRST_USEC UINT64_C(60000000)
#define RETRY_LAST_USEC  UINT64_C(3600000000)

struct Daemon {
        Desk desk;
        Settings settings;            /* weak: the strings are the caller's */
        sd_event *loop;               /* owned */
        cev_client *client;           /* owned */
        cev_subscription *images;     /* owned */
        cev_subscription *containers; /* owned */
        Fleet *fleet;                 /* owned */
        Round *round;                 /* owned; while one is under way */
        Update *update;               /* owned; likewise */
        sd_event_source *settle;      /* owned; on while events wait for their round */
        sd_event_source *later;       /* owned; when what is pending may be updated */
        uint64_t retry_usec;
        bool listening; /* and the first round has begun */
        bool again;     /* something was heard during a round or an update */
};

static void schedule(Daemon *d, uint64_t usec);

static void fail(Daemon *d, int r, const char *what)
{
        report_error("%s: %s.", what, strerror(-r));
        (void)sd_event_exit(d->loop, EXIT_FAILURE);
}

/* ---- rounds and updates ---- */

static void begin_round(Daemon *d);

static void on_update_end(Update *u, int result, void *userdata)
{
        Daemon *d = userdata;

        d->update = update_free(d->update);
        if (result < 0) {
                fail(d, result, "Cannot go on with an update");
                return;
        }
        schedule(d, 0); /* what else there is to do is seen by looking */
}

static void set_later(Daemon *d, uint64_t usec)
{
        if (usec == UINT64_MAX) {
                (void)sd_event_source_set_enabled(d->later, SD_EVENT_OFF);
                return;
        }
        (void)sd_event_source_set_time(d->later, usec);
        (void)sd_event_source_set_enabled(d->later, SD_EVENT_ONESHOT);
}

static void begin_update(Daemon *d, const UnitPlan *plan)
{
        const char *cursor;
        int r = cev_subscription_get_cursor(d->containers, &cursor);

        if (r >= 0)
                r = update_begin(&d->desk, plan, cursor, on_update_end, d, &d->update);
        if (r < 0)
                fail(d, r, "Cannot begin an update");
}

static void on_round_end(Round *round, int result, const RoundResult *found, void *userdata)
{
        Daemon *d = userdata;

        if (result < 0) {
                uint64_t next = desk_now_usec(&d->desk) + d->retry_usec;

                set_later(d, next);
                d->retry_usec =
                        d->retry_usec * 2 < RETRY_LAST_USEC ? d->retry_usec * 2 : RETRY_LAST_USEC;
        } else {
                d->retry_usec = RETRY_FIRST_USEC;
                set_later(d, found->again_usec);
                if (found->next)
                        begin_update(d, found->next);
        }
        d->round = round_free(d->round);
        (void)sd_notify(false, "READY=1");
        if (!d->update && d->again)
                schedule(d, d->settings.settle_usec);
}

static void begin_round(Daemon *d)
{
        int r;

        if (d->round || d->update) {
                d->again = true;
                return;
        }
        d->again = false;
        r = round_begin(&d->desk, d->fleet, on_round_end, d, &d->round);
        if (r < 0)
                on_round_end(NULL, r, NULL, d);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        begin_round(userdata);
        return 0;
}

/* Events within the time make one round; those that come after the first do not put it off. */
static void schedule(Daemon *d, uint64_t usec)
{
        int enabled;

        if (sd_event_source_get_enabled(d->settle, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void)sd_event_source_set_time_relative(d->settle, usec);
        (void)sd_event_source_set_enabled(d->settle, SD_EVENT_ONESHOT);
}

/* ---- what is heard ---- */

/* Other users' Podmans are in the same history. */
static bool is_ours(const cev_event *e)
{
        uid_t uid;

        return cev_event_get_uid(e, &uid) < 0 || uid == getuid();
}

static bool is(const cev_event *e, const char *status)
{
        return strcmp(cev_event_get_status(e), status) == 0;
}

/* Of a build there is the ID alone, of an archive its path, and of a commit the container: only
 * Podman knows which names that gave an image. */
static int on_image(cev_subscription *s, cev_event *e, void *userdata)
{
        Daemon *d = userdata;
        bool is_image = strcmp(cev_event_get_type(e), "image") == 0;

        if (is_ours(e) && fleet_uses(d->fleet, is_image ? cev_event_get_name(e) : ""))
                schedule(d, d->settings.settle_usec);
        return 0;
}

static int tell_update(Daemon *d, const cev_event *e)
{
        WatchEvent heard = {
                .status = cev_event_get_status(e),
                .id = cev_event_get_id(e),
                .name = cev_event_get_name(e),
                .unit = cev_event_get_label(e, LABEL_UNIT),
                .health = cev_event_get_health_status(e),
                .time_nsec = cev_event_get_time_nsec(e),
        };

        heard.has_exit_code = cev_event_get_exit_code(e, &heard.exit_code) >= 0;
        return update_event(d->update, &heard);
}

static int on_container(cev_subscription *s, cev_event *e, void *userdata)
{
        Daemon *d = userdata;
        int r = 0;

        if (!is_ours(e))
                return 0;
        /* Its unit may be said by its pod's infra container. */
        if (is(e, "died") || is(e, "remove"))
                fleet_remove(d->fleet, cev_event_get_id(e));
        else if (is(e, "start") &&
                 policy_from_string(cev_event_get_label(e, LABEL_POLICY)) != POLICY_NONE)
                r = fleet_add(d->fleet, cev_event_get_id(e), cev_event_get_image(e));
        if (r >= 0 && d->update)
                r = tell_update(d, e);
        return r;
}

/* Both subscriptions listen, so nothing is missed between what is looked at and what is heard. */
static void on_caught_up(cev_subscription *s, void *userdata)
{
        Daemon *d = userdata;
        _cleanup_(update_record_done) UpdateRecord record = {};
        int r;

        if (d->listening)
                return;
        if (s == d->images) {
                r = cev_subscription_start(d->containers, on_container, d);
                if (r < 0)
                        fail(d, r, "Cannot listen to containers");
                return;
        }
        d->listening = true;
        publisher_wake(d->desk.publisher);
        r = ledger_get_update(d->desk.ledger, &record);
        if (r == -ENODATA) {
                begin_round(d);
                return;
        }
        if (r >= 0)
                r = update_resume(&d->desk, &record, on_update_end, d, &d->update);
        if (r < 0)
                fail(d, r, "Cannot go on with an update");
        (void)sd_notify(false, "READY=1");
}

static void on_notice(cev_subscription *s, cev_notice notice, const char *text, void *userdata)
{
        Daemon *d = userdata;

        switch (notice) {
        case CEV_NOTICE_EXPIRED:
                report_warning("Events were not kept until they were read: %s", text ? text : "");
                if (d->listening)
                        schedule(d, 0); /* what they said is seen by looking */
                return;
        case CEV_NOTICE_ABSENT:
                report_warning("containers-eventsd is not there.");
                (void)sd_notify(false, "READY=1");
                return;
        case CEV_NOTICE_BACK:
                report_info("containers-eventsd is back.");
                return;
        case CEV_NOTICE_TROUBLE:
                report_warning("containers-eventsd cannot answer: %s", text ? text : "");
                return;
        }
}

static void on_subscription_end(cev_subscription *s, int result, const sd_bus_error *error,
                                void *userdata)
{
        Daemon *d = userdata;

        report_error("Cannot listen any more: %s.",
                     error && error->message ? error->message : strerror(-result));
        (void)sd_event_exit(d->loop, EXIT_FAILURE);
}

static void on_units(UnitManager *m, void *userdata)
{
        Daemon *d = userdata;

        if (m && d->update && update_units_changed(d->update) < 0)
                fail(d, -ENOMEM, "Cannot go on with an update");
}

/* ---- set-up ---- */

static const char *const image_filters[] = {
        "type=image",  "type=container",        "engine=podman", "event=pull",   "event=tag",
        "event=build", "event=loadfromarchive", "event=load",    "event=import", "event=commit",
        NULL,
};

static const char wants_updates[] = "label=" LABEL_POLICY;

static const char *const container_filters[] = {
        "type=container", "engine=podman", "event=create",        "event=init",  "event=start",
        "event=died",     "event=remove",  "event=health_status", wants_updates, NULL,
};

static int subscribe(Daemon *d, const char *const filters[], cev_subscription **ret)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = NULL;
        int r = cev_subscription_new(d->client, &s);

        for (size_t i = 0; r >= 0 && filters[i]; i++)
                r = cev_subscription_add_filter(s, filters[i]);
        if (r >= 0)
                r = cev_subscription_set_caught_up_handler(s, on_caught_up);
        if (r >= 0)
                r = cev_subscription_set_notice_handler(s, on_notice);
        if (r >= 0)
                r = cev_subscription_set_end_handler(s, on_subscription_end);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* Of the update under way it is to be heard what happened while nobody listened. */
static int set_cursor(Daemon *d)
{
        _cleanup_(update_record_done) UpdateRecord record = {};
        int r = ledger_get_update(d->desk.ledger, &record);

        if (r == -ENODATA)
                return 0;
        return r < 0 ? r : cev_subscription_set_cursor(d->containers, record.cursor);
}

static int set_up_subscriptions(Daemon *d)
{
        int r = subscribe(d, image_filters, &d->images);

        if (r >= 0)
                r = subscribe(d, container_filters, &d->containers);
        if (r >= 0)
                r = set_cursor(d);
        if (r >= 0)
                r = cev_subscription_start(d->images, on_image, d);
        if (r < 0)
                report_error("Cannot listen to containers-eventsd: %s.", strerror(-r));
        return r;
}

static int add_timer(Daemon *d, clockid_t clock, sd_event_source **ret)
{
        int r = sd_event_add_time(d->loop, ret, clock, 0, 0, on_time, d);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int set_up_loop(Daemon *d)
{
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        r = sd_event_new(&d->loop);
        if (r >= 0)
                r = sd_event_add_signal(d->loop, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(d->loop, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(d->loop, true);
        if (r >= 0)
                r = add_timer(d, CLOCK_MONOTONIC, &d->settle);
        if (r >= 0)
                r = add_timer(d, CLOCK_REALTIME, &d->later);
        if (r < 0)
                report_error("Cannot make an event loop: %s.", strerror(-r));
        return r;
}

static int open_ledger(Daemon *d, const char *folder)
{
        bool broken = false;
        int r = ledger_open(folder, &d->desk.ledger, &broken);

        if (r < 0)
                report_error("The state in \"%s\" cannot be used: %s.", folder,
                             r == -EWOULDBLOCK ? "another one of us does" : strerror(-r));
        else if (broken)
                report_error("The state in \"%s\" is damaged; it is set aside, as "
                             "state.json.broken, and what it said is forgotten.",
                             folder);
        return r;
}

static int open_client(Daemon *d, bool user)
{
        int r = user ? cev_client_open_user(&d->client) : cev_client_open_system(&d->client);

        if (r >= 0)
                r = cev_client_attach_event(d->client, d->loop);
        if (r < 0)
                report_error("The %s bus cannot be reached: %s.", user ? "user" : "system",
                             strerror(-r));
        return r;
}

static int set_up_desk(Daemon *d, const DaemonOptions *options)
{
        int r = open_ledger(d, options->state_folder);

        if (r < 0)
                return r;
        r = open_client(d, options->user);
        if (r < 0)
                return r;
        d->desk.loop = d->loop;
        d->desk.settings = &d->settings;
        d->desk.user = options->user;
        r = engine_new(d->loop, d->settings.podman, &d->desk.engine);
        if (r >= 0)
                r = publisher_new(d->client, d->desk.ledger, &d->desk.publisher);
        if (r >= 0)
                r = unit_link_new(d->loop, options->user, on_units, d, &d->desk.units);
        if (r >= 0)
                r = fleet_new(&d->fleet);
        if (r < 0)
                report_error("Cannot begin: %s.", strerror(-r));
        return r;
}

int daemon_new(const DaemonOptions *options, Daemon **ret)
{
        _cleanup_(daemon_freep) Daemon *d = calloc(1, sizeof(Daemon));
        int r;

        if (!d) {
                report_error("There is no memory left.");
                return -ENOMEM;
        }
        d->settings = *options->settings;
        d->retry_usec = RETRY_FIRST_USEC;
        r = set_up_loop(d);
        if (r >= 0)
                r = set_up_desk(d, options);
        if (r >= 0)
                r = set_up_subscriptions(d);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(d);
        return 0;
}

Daemon *daemon_free(Daemon *d)
{
        if (!d)
                return NULL;
        round_free(d->round);
        update_free(d->update);
        cev_subscription_unref(d->images);
        cev_subscription_unref(d->containers);
        publisher_free(d->desk.publisher);
        engine_free(d->desk.engine);
        unit_link_free(d->desk.units);
        ledger_free(d->desk.ledger);
        fleet_free(d->fleet);
        cev_client_unref(d->client);
        sd_event_source_disable_unref(d->settle);
        sd_event_source_disable_unref(d->later);
        sd_event_unref(d->loop);
        free(d);
        return NULL;
}

int daemon_run(Daemon *d)
{
        return sd_event_loop(d->loop);
}
