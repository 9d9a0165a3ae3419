/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "cleanup.h"
#include "clock.h"
#include "journal-evidence.h"
#include "report.h"
#include "unit-job.h"
#include "unit-watch.h"

/* systemd takes a start at once, or says no; whether we may is asked of polkit first. What takes
 * longer is asked about instead. */
#define START_USEC UINT64_C(120000000)

/* polkit may be just being replaced: it is asked again so often, for 1.5 s in all. */
#define REFUSALS_MAX 5

/* What was sent by who was killed may still be on its way to systemd, or to the journal: what is
 * not found is looked for once more after this. */
#define SECOND_LOOK_USEC UINT64_C(1000000)

typedef enum Phase {
        PHASE_WAITING, /* for a request, a connection or a place */
        PHASE_RESTING,
        PHASE_ASKING,
        PHASE_COMMITTING,
        PHASE_STARTING,
} Phase;

struct Lane {
        LaneHost *host;
        char *file;               /* owned */
        StartRequest *first;      /* owned, all */
        char *running;            /* owned; the unit that is waited for, or NULL */
        UnitWatch *watch;         /* on that, while there is a connection */
        UnitQuestion *question;   /* PHASE_ASKING */
        UnitJob *job;             /* PHASE_STARTING */
        sd_event_source *looking; /* PHASE_RESTING, before a second look */
        Backoff backoff;          /* PHASE_RESTING */
        Phase phase;
        bool has_place;
        bool looked; /* for the first request, once */
};

/* ---- small things ---- */

static void set_phase(Lane *l, Phase phase)
{
        bool needs_place = phase >= PHASE_ASKING;

        l->phase = phase;
        if (l->has_place && !needs_place) {
                l->has_place = false;
                l->host->leave_place(l->host);
        }
}

/* The first request is over. */
static void finish(Lane *l, int result, const char *sentence)
{
        _cleanup_(start_request_freep) StartRequest *request = l->first;

        l->first = request->next;
        l->looked = false;
        backoff_reset(&l->backoff);
        set_phase(l, PHASE_WAITING);
        if (request->owner)
                request->owner->over(request->owner, request, result, sentence);
}

int lane_set_running(Lane *l, const char *unit)
{
        char *copy = strdup(unit);

        if (!copy)
                return -ENOMEM;
        free(l->running);
        l->running = copy;
        return 0;
}

/* systemd has started the unit of the first request. */
static void finish_started(Lane *l)
{
        int r = lane_set_running(l, l->first->unit);

        finish(l, 0, "");
        if (r < 0)
                report_error("Out of memory: %s may be removed too early.", l->file);
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        Lane *l = userdata;

        backoff_stop(&l->backoff);
        l->looking = sd_event_source_disable_unref(l->looking);
        set_phase(l, PHASE_WAITING);
        lane_turn(l);
        return 0;
}

static void rest(Lane *l)
{
        set_phase(l, PHASE_RESTING);
        if (backoff_rest(&l->backoff, l->host->loop, on_rested, l) < 0)
                finish(l, -ENOMEM, "");
}

/* ---- wait ---- */

static void on_at_rest(UnitWatch *w, int result, const UnitState *state, void *userdata)
{
        Lane *l = userdata;

        l->watch = unit_watch_free(w);
        /* Without a connection it is watched again on the next one. */
        if (result >= 0)
                free(TAKE_PTR(l->running));
        else if (result != -ENOTCONN)
                report_error("Cannot see whether %s runs: %s.", l->running, strerror(-result));
        if (result >= 0)
                lane_turn(l);
}

static void watch(Lane *l)
{
        int r;

        if (l->watch || !l->host->manager)
                return;
        r = unit_watch_new(l->host->manager, l->running, on_at_rest, l, &l->watch);
        if (r < 0 && r != -ENOTCONN)
                report_error("Cannot see whether %s runs: %s.", l->running, strerror(-r));
}

/* ---- start ---- */

static void on_queued(UnitJob *job, void *userdata)
{
        Lane *l = userdata;

        l->job = unit_job_free(l->job);
        finish_started(l);
        lane_turn(l);
}

static bool is_uncertain(int result)
{
        return result == -ENOTCONN || result == -ENODATA || result == -ETIMEDOUT ||
               result == -ECONNRESET;
}

static void on_ended(UnitJob *job, int result, const char *outcome, const sd_bus_error *error,
                     void *userdata)
{
        Lane *l = userdata;
        const char *sentence = error && error->message ? error->message : "";

        /* dbus-daemon has systemd say why it could not ask polkit whether we may. */
        if (result < 0 && strstr(sentence, "polkit.service"))
                result = -EACCES;
        if (result == 0) {
                finish_started(l);
        } else if (is_uncertain(result)) {
                l->first->unsure = true;
                l->looked = false;
                set_phase(l, PHASE_WAITING);
        } else if (result == -EDEADLK ||
                   (result == -EACCES && ++l->first->n_attempts < REFUSALS_MAX)) {
                rest(l);
        } else {
                finish(l, result, sentence);
        }
        /* After the sentence was used, which is the job's. */
        l->job = unit_job_free(l->job);
        lane_turn(l);
}

static const UnitJobHandler job_handler = { .queued = on_queued, .ended = on_ended };

void lane_committed(Lane *l)
{
        UnitJobOptions options;
        int r;

        if (l->phase != PHASE_COMMITTING)
                return;
        if (!l->first->owner) {
                finish(l, -ECANCELED, "");
                lane_turn(l);
                return;
        }
        set_phase(l, PHASE_STARTING);
        /* "fail": a job of somebody else's that is queued is not canceled, but waited for. */
        options = (UnitJobOptions){
                .unit = l->first->unit,
                .mode = "fail",
                .timeout_usec = START_USEC,
                .before = &l->first->intent.before,
        };
        r = l->host->manager ? unit_start(l->host->manager, &options, &job_handler, l, &l->job)
                             : -ENOTCONN;
        if (r >= 0)
                return;
        if (r == -ENOTCONN)
                set_phase(l, PHASE_WAITING);
        else
                finish(l, r, "");
        lane_turn(l);
}

StartOwner *lane_get_committer(const Lane *l)
{
        return l->phase == PHASE_COMMITTING ? l->first->owner : NULL;
}

/* ---- write ---- */

static void prepare(Lane *l, const UnitState *state)
{
        StartRequest *request = l->first;
        int r;

        r = environment_folder_write(l->host->folder, l->file, request->unit, request->text);
        if (r < 0) {
                report_error("Cannot write the environment file %s: %s; %s is not started yet.",
                             l->file, strerror(-r), request->unit);
                rest(l);
                return;
        }
        request->unsure = false;
        request->intent = (Intent){
                .boot = l->host->boot,
                .before = state->invocation,
                .usec = clock_usec(CLOCK_REALTIME),
        };
        if (request->owner)
                request->owner->intend(request->owner, request, &request->intent);
        set_phase(l, PHASE_COMMITTING);
        l->host->want_commit(l->host);
}

/* ---- ask, look ---- */

/* Whether the start that the request may have had was one. Not known without the journal: then we
 * believe that it was not, for rather twice than never. */
static bool was_started(const Lane *l, const UnitState *state)
{
        const StartRequest *request = l->first;
        bool same_boot = sd_id128_equal(request->intent.boot, l->host->boot);
        int r;

        if (same_boot && !unit_state_is_at_rest(state))
                return true;
        if (same_boot && !sd_id128_is_null(state->invocation))
                return !sd_id128_equal(state->invocation, request->intent.before);
        r = journal_has_start(request->unit, &request->intent);
        if (r < 0)
                report_warning("The journal cannot be read (%s): %s may be started twice.",
                               strerror(-r), request->unit);
        return r > 0;
}

static void look(Lane *l, const UnitState *state)
{
        if (was_started(l, state)) {
                finish_started(l);
                lane_turn(l);
        } else if (!l->looked) {
                l->looked = true;
                set_phase(l, PHASE_RESTING);
                if (sd_event_add_time_relative(l->host->loop, &l->looking, CLOCK_MONOTONIC,
                                               SECOND_LOOK_USEC, 0, on_rested, l) < 0)
                        finish(l, -ENOMEM, "");
        } else {
                l->first->unsure = false;
                lane_turn(l);
        }
}

static void take_state(Lane *l, int result, const UnitState *state, const sd_bus_error *error)
{
        bool at_rest;

        if (result == -ENOTCONN) {
                set_phase(l, PHASE_WAITING);
                return;
        }
        if (result < 0) {
                finish(l, result, error && error->message ? error->message : "");
                lane_turn(l);
                return;
        }
        at_rest = unit_state_is_at_rest(state);
        if (l->first->unsure) {
                set_phase(l, PHASE_WAITING);
                look(l, state);
        } else if (at_rest) {
                prepare(l, state);
        } else {
                /* Somebody else's run, or one that we do not remember. */
                result = lane_set_running(l, l->first->unit);
                set_phase(l, PHASE_WAITING);
                if (result < 0)
                        finish(l, result, "");
                lane_turn(l);
        }
}

static void on_state(UnitQuestion *q, int result, const UnitState *state, const sd_bus_error *error,
                     void *userdata)
{
        Lane *l = userdata;

        l->question = NULL;
        take_state(l, result, state, error);
        unit_question_free(q);
}

static void ask(Lane *l)
{
        int r;

        if (!l->has_place && !l->host->take_place(l->host))
                return;
        l->has_place = true;
        set_phase(l, PHASE_ASKING);
        r = unit_ask(l->host->manager, l->first->unit, false, START_USEC, on_state, l,
                     &l->question);
        if (r < 0)
                rest(l);
}

/* ---- turns ---- */

/* Those whose owner is gone, and that systemd was not asked for. */
static void drop_orphans(Lane *l)
{
        StartRequest **p = &l->first;

        while (*p) {
                StartRequest *request = *p;

                if (request->owner) {
                        p = &request->next;
                        continue;
                }
                *p = request->next;
                if (p == &l->first)
                        l->looked = false;
                start_request_free(request);
        }
}

void lane_turn(Lane *l)
{
        if (l->phase != PHASE_WAITING)
                return;
        drop_orphans(l);
        /* What may have been started is asked about while it runs. */
        if (l->running && !(l->first && l->first->unsure)) {
                watch(l);
                return;
        }
        if (!l->first) {
                environment_folder_remove(l->host->folder, l->file);
                l->host->idle(l->host);
        } else if (l->host->manager) {
                ask(l);
        }
}

void lane_add(Lane *l, StartRequest *request)
{
        StartRequest **last = &l->first;

        while (*last)
                last = &(*last)->next;
        *last = request;
}

void lane_forget(Lane *l, const StartOwner *owner)
{
        for (StartRequest *request = l->first; request; request = request->next)
                if (request->owner == owner)
                        request->owner = NULL;
}

/* ---- life ---- */

const char *lane_get_file(const Lane *l)
{
        return l->file;
}

bool lane_is_idle(const Lane *l)
{
        return !l->first && !l->running && l->phase == PHASE_WAITING;
}

bool lane_is_running(const Lane *l)
{
        return l->running;
}

unsigned lane_n_waiting(const Lane *l)
{
        unsigned n = 0;

        for (const StartRequest *request = l->first; request; request = request->next)
                n++;
        return n;
}

unsigned lane_n_waiting_of(const Lane *l, const StartOwner *owner, const char **ret_unit)
{
        unsigned n = 0;

        for (const StartRequest *request = l->first; request; request = request->next) {
                if (request->owner != owner)
                        continue;
                *ret_unit = request->unit;
                n++;
        }
        return n;
}

Lane *lane_free(Lane *l)
{
        if (!l)
                return NULL;
        set_phase(l, PHASE_WAITING);
        unit_question_free(l->question);
        unit_job_free(l->job);
        unit_watch_free(l->watch);
        backoff_stop(&l->backoff);
        sd_event_source_disable_unref(l->looking);
        while (l->first) {
                StartRequest *request = l->first;

                l->first = request->next;
                start_request_free(request);
        }
        free(l->running);
        free(l->file);
        free(l);
        return NULL;
}

int lane_new(LaneHost *host, const char *file, Lane **ret)
{
        Lane *l = calloc(1, sizeof(Lane));

        if (!l)
                return -ENOMEM;
        l->host = host;
        l->file = strdup(file);
        if (!l->file) {
                free(l);
                return -ENOMEM;
        }
        *ret = l;
        return 0;
}
