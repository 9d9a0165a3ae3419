/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "report.h"
#include "unit-job.h"
#include "unit-names.h"

/* Podman is asked again after a failure: it may have run out of something for a moment. */
#define LOOK_TRIES      3
#define LOOK_RETRY_USEC UINT64_C(5000000)

struct Update {
        const Desk *desk;
        UpdateRecord record; /* owned */
        Watch *watch;        /* owned; NULL while names are put back */
        UnitJob *job;        /* owned; while systemd restarts */
        bool waits_for_units;
        bool resuming; /* at the timer */
        bool looking;
        unsigned tries;         /* of looking, in vain */
        size_t tagging;         /* the change whose name is put back */
        char **ids;             /* owned, each; of each change's container now, or NULL */
        sd_event_source *timer; /* owned */
        UpdateHandler handler;
        void *userdata;
};

static void go_on(Update *u);
static int enter(Update *u, UpdatePhase phase);
static void resume(Update *u);

static bool goes_back(const Update *u)
{
        return u->record.phase >= PHASE_BACK_TAG;
}

static void forget_ids(Update *u)
{
        for (size_t i = 0; u->ids && i < u->record.plan.n; i++) {
                free(u->ids[i]);
                u->ids[i] = NULL;
        }
}

Update *update_free(Update *u)
{
        if (!u)
                return NULL;
        sd_event_source_disable_unref(u->timer);
        unit_job_free(u->job);
        watch_free(u->watch);
        forget_ids(u);
        free(u->ids);
        update_record_done(&u->record);
        free(u);
        return NULL;
}

const char *update_get_unit(const Update *u)
{
        return u->record.plan.unit;
}

/* ---- the end ---- */

static int publish(Update *u, OutcomeResult result, const char *error)
{
        const UnitPlan *plan = &u->record.plan;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < plan->n; i++) {
                const Outcome outcome = {
                        .unit = plan->unit,
                        .change = &plan->changes[i],
                        .container_id = u->ids[i],
                        .result = result,
                        .error = error,
                        .time_nsec = desk_now_usec(u->desk) * 1000,
                };

                r = publisher_add(u->desk->publisher, &outcome);
        }
        return r;
}

static void log_end(const Update *u, OutcomeResult result, const char *error)
{
        const char *unit = u->record.plan.unit;

        switch (result) {
        case OUTCOME_UPDATED:
                report_notice("%s runs its new image.", unit);
                return;
        case OUTCOME_ROLLED_BACK:
                report_warning("%s runs its old image again: %s.", unit, error);
                return;
        default:
                report_error("%s was not updated: %s.", unit, error);
        }
}

/* Nor is what failed tried again at once: by the next round, which sees the same as the last. */
static int refuse_images(Update *u)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < u->record.plan.n; i++) {
                const Change *c = &u->record.plan.changes[i];

                r = ledger_refuse(u->desk->ledger, u->record.plan.unit, c->image, c->new_image,
                                  c->old_image);
        }
        return r;
}

static void finish(Update *u, OutcomeResult result, const char *error)
{
        int r = publish(u, result, error);

        if (r >= 0 && result == OUTCOME_FAILED)
                r = refuse_images(u);
        if (r >= 0) {
                log_end(u, result, error);
                ledger_clear_update(u->desk->ledger);
                r = ledger_save(u->desk->ledger);
                publisher_wake(u->desk->publisher);
        }
        u->handler(u, r, u->userdata);
}

/* What cannot be gone on with now can be by who is started after us. */
static void give_up(Update *u, int r)
{
        report_error("The update of %s stops here for now: %s.", u->record.plan.unit, strerror(-r));
        u->handler(u, r, u->userdata);
}

/* Both what was wrong with the new image and what is wrong with the old one. */
static void finish_failed(Update *u, const char *problem)
{
        _cleanup_free_ char *both = NULL;

        if (!u->record.error) {
                finish(u, OUTCOME_FAILED, problem);
                return;
        }
        if (asprintf(&both, "%s; rolling back failed: %s", u->record.error, problem) < 0) {
                both = NULL;
                give_up(u, -ENOMEM);
                return;
        }
        finish(u, OUTCOME_FAILED, both);
}

/* It did not go well: back, if there is a way. */
static void fail(Update *u, const char *problem)
{
        int r;

        if (goes_back(u) || !u->desk->settings->rollback) {
                finish_failed(u, problem);
                return;
        }
        free(u->record.error);
        u->record.error = strdup(problem);
        report_warning("The new image of %s is no good, and the old one is put back: %s.",
                       u->record.plan.unit, problem);
        r = u->record.error ? enter(u, PHASE_BACK_TAG) : -ENOMEM;
        if (r < 0)
                give_up(u, r);
}

/* ---- watching ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Update *u = userdata;

        if (u->resuming)
                resume(u);
        else
                go_on(u);
        return 0;
}

static int set_timer(Update *u, uint64_t at_usec)
{
        int r;

        if (!u->timer)
                return sd_event_add_time(u->desk->loop, &u->timer, CLOCK_MONOTONIC, at_usec, 0,
                                         on_timer, u);
        r = sd_event_source_set_time(u->timer, at_usec);
        return r < 0 ? r : sd_event_source_set_enabled(u->timer, SD_EVENT_ONESHOT);
}

/* Podman does not answer, so neither can a name be put back. */
static void on_look_failure(Update *u)
{
        int r;

        u->looking = false;
        if (++u->tries >= LOOK_TRIES) {
                finish_failed(u, engine_problem(u->desk->engine));
                return;
        }
        r = set_timer(u, desk_monotonic_usec(u->desk) + LOOK_RETRY_USEC);
        if (r < 0)
                give_up(u, r);
}

static void on_inspected(Engine *e, int result, const Inspection *inspection, void *userdata)
{
        Update *u = userdata;
        size_t n = u->record.plan.n;
        _cleanup_free_ WatchLook *looks = calloc(n, sizeof(WatchLook));
        int r;

        if (result < 0 || !looks) {
                on_look_failure(u);
                return;
        }
        u->looking = false;
        u->tries = 0;
        for (size_t i = 0; i < n; i++) {
                const Inspected *found = inspection_find(inspection, u->ids[i]);

                if (found)
                        looks[i] = (WatchLook){
                                .id = found->id,
                                .image_id = found->image_id,
                                .health = found->health,
                                .running = found->running,
                        };
        }
        r = watch_look(u->watch, looks, desk_monotonic_usec(u->desk));
        if (r < 0)
                give_up(u, r);
        else
                go_on(u);
}

static int keep_ids(Update *u, const Containers *containers, const char **ids, size_t *ret_n)
{
        const UnitPlan *plan = &u->record.plan;
        size_t n = 0;

        forget_ids(u);
        for (size_t i = 0; i < plan->n; i++) {
                const Container *found = containers_find(
                        containers, plan->unit, plan->changes[i].container, plan->changes[i].image);

                if (!found)
                        continue;
                u->ids[i] = strdup(found->id);
                if (!u->ids[i])
                        return -ENOMEM;
                ids[n++] = u->ids[i];
        }
        *ret_n = n;
        return 0;
}

static void on_looked(Engine *e, int result, const Containers *containers, const Images *images,
                      void *userdata)
{
        Update *u = userdata;
        _cleanup_free_ const char **ids = calloc(u->record.plan.n, sizeof(char *));
        size_t n;

        if (result < 0 || !ids || keep_ids(u, containers, ids, &n) < 0) {
                on_look_failure(u);
                return;
        }
        if (n == 0)
                on_inspected(e, 0, &(Inspection){}, u);
        else if (engine_inspect(e, ids, n, on_inspected, u) < 0)
                on_look_failure(u);
}

static void look(Update *u)
{
        if (u->looking)
                return;
        u->looking = true;
        if (engine_list(u->desk->engine, on_looked, u) < 0)
                on_look_failure(u);
}

static bool is_watching(const Update *u)
{
        return u->record.phase == PHASE_WATCH || u->record.phase == PHASE_BACK_WATCH;
}

static void go_on(Update *u)
{
        if (!is_watching(u) || u->looking)
                return;
        switch (watch_state(u->watch, desk_monotonic_usec(u->desk))) {
        case WATCH_WAITING:
                if (set_timer(u, watch_deadline(u->watch)) < 0)
                        give_up(u, -ENOMEM);
                return;
        case WATCH_LOOK:
                look(u);
                return;
        case WATCH_WELL:
                if (goes_back(u))
                        finish(u, OUTCOME_ROLLED_BACK, u->record.error);
                else
                        finish(u, OUTCOME_UPDATED, NULL);
                return;
        case WATCH_FAILED:
                fail(u, watch_problem(u->watch));
                return;
        }
}

int update_event(Update *u, const WatchEvent *e)
{
        int r = u->watch ? watch_event(u->watch, e) : 0;

        if (r >= 0)
                go_on(u);
        return r;
}

static int new_watch(Update *u)
{
        const WatchOptions options = {
                .plan = &u->record.plan,
                .rolled_back = goes_back(u),
                .since_nsec = u->record.since_nsec,
                .stable_usec = u->desk->settings->stable_usec,
                .health_usec = u->desk->settings->health_usec,
        };

        u->watch = watch_free(u->watch);
        return watch_new(&options, &u->watch);
}

/* ---- restarting ---- */

static void on_restarted(UnitJob *job, int result, const char *outcome, const sd_bus_error *error,
                         void *userdata)
{
        Update *u = userdata;
        _cleanup_free_ char *problem = NULL;
        int r;

        if (result == -ENOTCONN) {
                u->job = unit_job_free(u->job);
                u->waits_for_units = true;
                return;
        }
        /* Whether it was done that nobody knows of is to be seen by what runs. */
        if (result == -ENODATA ||
            (result == 0 && (strcmp(outcome, "done") == 0 || strcmp(outcome, "skipped") == 0))) {
                u->job = unit_job_free(u->job);
                r = enter(u, goes_back(u) ? PHASE_BACK_WATCH : PHASE_WATCH);
                if (r < 0)
                        give_up(u, r);
                return;
        }

        if (result == 0)
                r = asprintf(&problem, "systemd ended the restart with \"%s\"", outcome);
        else if (result == -ETIMEDOUT)
                r = asprintf(&problem, "systemd did not restart it in time");
        else
                r = asprintf(&problem, "systemd does not restart it: %s",
                             error && error->message ? error->message : strerror(-result));
        u->job = unit_job_free(u->job);
        if (r < 0) {
                problem = NULL;
                give_up(u, -ENOMEM);
        } else if (result < 0 && result != -ETIMEDOUT) {
                finish_failed(u, problem); /* nothing was done */
        } else {
                fail(u, problem);
        }
}

/* What died again and again may not be started by systemd for a while, which that ends. */
static int reset_failed(Update *u, UnitManager *manager)
{
        return sd_bus_call_method_async(unit_manager_get_bus(manager), NULL, UNIT_BUS_NAME,
                                        UNIT_MANAGER_PATH, UNIT_MANAGER_INTERFACE,
                                        "ResetFailedUnit", NULL, NULL, "s", u->record.plan.unit);
}

static int restart(Update *u)
{
        static const UnitJobHandler handler = { .ended = on_restarted };
        UnitManager *manager = unit_link_get_manager(u->desk->units);
        const UnitJobOptions options = {
                .unit = u->record.plan.unit,
                .mode = "replace",
                .timeout_usec = u->desk->settings->restart_usec,
        };
        int r = 0;

        u->waits_for_units = !manager;
        if (!manager)
                return 0;
        if (goes_back(u))
                r = reset_failed(u, manager);
        if (r >= 0)
                r = unit_restart(manager, &options, &handler, u, &u->job);
        if (r == -ENOTCONN) {
                u->waits_for_units = true;
                return 0;
        }
        return r;
}

int update_units_changed(Update *u)
{
        if (!u->waits_for_units || u->job)
                return 0;
        return restart(u);
}

/* ---- putting names back ---- */

static void tag_next(Update *u);

static void on_tagged(Engine *e, int result, void *userdata)
{
        Update *u = userdata;

        if (result < 0) {
                finish_failed(u, engine_problem(e));
                return;
        }
        u->tagging++;
        tag_next(u);
}

static void tag_next(Update *u)
{
        const UnitPlan *plan = &u->record.plan;
        const Change *change;
        int r;

        if (u->tagging == plan->n) {
                r = enter(u, PHASE_BACK_RESTART);
                if (r < 0)
                        give_up(u, r);
                return;
        }
        change = &plan->changes[u->tagging];
        report_notice("%s gives the image %s again.", change->image, change->old_image);
        if (engine_tag(u->desk->engine, change->old_image, change->image, on_tagged, u) < 0)
                finish_failed(u, engine_problem(u->desk->engine));
}

/* Somebody has a newer image than the one that failed: that one is to be tried. */
static int take_newer(Update *u, const Images *images, bool *ret_taken)
{
        bool taken = false;

        for (size_t i = 0; i < u->record.plan.n; i++) {
                Change *change = &u->record.plan.changes[i];
                const char *now = images_find(images, change->image);
                char *copy;

                if (!now || strcmp(now, change->new_image) == 0 ||
                    strcmp(now, change->old_image) == 0)
                        continue;
                copy = strdup(now);
                if (!copy)
                        return -ENOMEM;
                free(change->new_image);
                change->new_image = copy;
                taken = true;
        }
        *ret_taken = taken;
        return 0;
}

static void on_names(Engine *e, int result, const Containers *containers, const Images *images,
                     void *userdata)
{
        Update *u = userdata;
        bool newer = false;
        int r;

        if (result < 0) {
                finish_failed(u, engine_problem(e));
                return;
        }
        r = take_newer(u, images, &newer);
        if (r >= 0 && newer) {
                report_warning("%s is tried with a newer image: %s.", u->record.plan.unit,
                               u->record.error);
                free(u->record.error);
                u->record.error = NULL;
                r = enter(u, PHASE_RESTART);
        } else if (r >= 0) {
                /* Before a name is put back: whoever finds it so must know why. */
                r = refuse_images(u);
                if (r >= 0)
                        r = ledger_save(u->desk->ledger);
                u->tagging = 0;
                if (r >= 0)
                        tag_next(u);
        }
        if (r < 0)
                give_up(u, r);
}

static int put_names_back(Update *u)
{
        u->watch = watch_free(u->watch);
        if (engine_list(u->desk->engine, on_names, u) < 0)
                finish_failed(u, engine_problem(u->desk->engine));
        return 0;
}

/* ---- phases ---- */

static int act(Update *u)
{
        int r;

        switch (u->record.phase) {
        case PHASE_RESTART:
        case PHASE_BACK_RESTART:
                r = new_watch(u);
                return r < 0 ? r : restart(u);
        case PHASE_BACK_TAG:
                return put_names_back(u);
        default:
                watch_begin(u->watch, desk_monotonic_usec(u->desk));
                go_on(u);
                return 0;
        }
}

static int enter(Update *u, UpdatePhase phase)
{
        int r;

        u->record.phase = phase;
        if (phase == PHASE_RESTART || phase == PHASE_BACK_RESTART)
                u->record.since_nsec = desk_now_usec(u->desk) * 1000;
        r = ledger_set_update(u->desk->ledger, &u->record);
        if (r >= 0)
                r = ledger_save(u->desk->ledger);
        return r < 0 ? r : act(u);
}

static int update_new(const Desk *desk, UpdateHandler handler, void *userdata, Update **ret)
{
        Update *u = calloc(1, sizeof(Update));

        if (!u)
                return -ENOMEM;
        u->desk = desk;
        u->handler = handler;
        u->userdata = userdata;
        *ret = u;
        return 0;
}

static int copy_plan(const UnitPlan *plan, UnitPlan *copy)
{
        int r = 0;

        copy->unit = strdup(plan->unit);
        if (!copy->unit)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < plan->n; i++)
                r = unit_plan_add(copy, &plan->changes[i]);
        return r;
}

int update_begin(const Desk *desk, const UnitPlan *plan, const char *cursor, UpdateHandler handler,
                 void *userdata, Update **ret)
{
        Update *u;
        int r = update_new(desk, handler, userdata, &u);

        if (r < 0)
                return r;
        r = copy_plan(plan, &u->record.plan);
        if (r >= 0) {
                u->record.cursor = strdup(cursor);
                u->ids = calloc(plan->n, sizeof(char *));
                r = u->record.cursor && u->ids ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = ledger_set_restarted(desk->ledger, plan->unit, desk_now_usec(desk),
                                         desk->settings->min_interval_usec);
        if (r >= 0) {
                report_notice("%s is restarted: it has a new image.", plan->unit);
                r = enter(u, PHASE_RESTART);
        }
        if (r < 0) {
                update_free(u);
                return r;
        }

        *ret = u;
        return 0;
}

/* ---- after a restart of ours ---- */

/* The restart was asked for or not: as long as the old container is up, it is to be. */
static void on_found(Engine *e, int result, const Containers *containers, const Images *images,
                     void *userdata)
{
        Update *u = userdata;
        bool old_runs = false;
        int r;

        if (result < 0) {
                finish_failed(u, engine_problem(e));
                return;
        }
        for (size_t i = 0; i < u->record.plan.n; i++)
                for (size_t j = 0; j < containers->n; j++)
                        old_runs = old_runs || strcmp(u->record.plan.changes[i].container_id,
                                                      containers->list[j].id) == 0;
        r = enter(u, old_runs ? PHASE_RESTART : PHASE_WATCH);
        if (r < 0)
                give_up(u, r);
}

static void resume(Update *u)
{
        int r;

        u->resuming = false;
        report_notice("The update of %s goes on.", u->record.plan.unit);
        switch (u->record.phase) {
        case PHASE_RESTART:
                r = engine_list(u->desk->engine, on_found, u);
                break;
        case PHASE_BACK_RESTART:
                r = enter(u, PHASE_BACK_RESTART);
                break;
        default:
                r = act(u);
        }
        if (r < 0)
                give_up(u, r);
}

int update_resume(const Desk *desk, UpdateRecord *record, UpdateHandler handler, void *userdata,
                  Update **ret)
{
        Update *u;
        int r = update_new(desk, handler, userdata, &u);

        if (r < 0)
                return r;
        u->record = *record;
        *record = (UpdateRecord){};
        u->ids = calloc(u->record.plan.n, sizeof(char *));
        r = u->ids ? new_watch(u) : -ENOMEM;
        u->resuming = true;
        if (r >= 0)
                r = set_timer(u, 0);
        if (r < 0) {
                update_free(u);
                return r;
        }

        *ret = u;
        return 0;
}
