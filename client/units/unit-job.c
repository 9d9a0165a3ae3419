/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-event.h>

#include "cleanup.h"
#include "unit-error.h"
#include "unit-names.h"
#include "unit-outcome.h"
#include "unit-state.h"

typedef enum Phase {
        PHASE_BEFORE, /* which invocation there was is asked for */
        PHASE_CALL,   /* called, or to be called as soon as systemd is there */
        PHASE_QUEUED, /* its end is waited for */
        PHASE_OVER,
} Phase;

struct UnitJob {
        UnitListener listener; /* first, so that one is the other */
        UnitManager *manager;  /* counted */
        char *unit;            /* owned */
        char *mode;            /* owned */
        const char *method;    /* NULL: called for by somebody before us */
        const UnitJobHandler *handler;
        void *userdata;
        sd_event_source *timeout; /* or NULL */
        sd_bus_slot *call;        /* under way, or NULL */
        UnitQuestion *question;   /* under way, or NULL */
        sd_id128_t before;
        uint32_t id; /* systemd's number of it, or 0 */
        Phase phase;
};

static void end(UnitJob *j, int result, const char *outcome, const sd_bus_error *error)
{
        if (j->phase == PHASE_OVER)
                return;
        j->phase = PHASE_OVER;
        j->timeout = sd_event_source_disable_unref(j->timeout);
        j->call = sd_bus_slot_unref(j->call);
        j->question = unit_question_free(j->question);
        j->handler->ended(j, result, outcome, error, j->userdata);
}

static void set_queued(UnitJob *j, uint32_t id)
{
        bool news = j->phase != PHASE_QUEUED;

        j->phase = PHASE_QUEUED;
        j->id = id;
        if (news && j->handler->queued)
                j->handler->queued(j, j->userdata);
}

/* ---- the state says what became of it ---- */

static void call(UnitJob *j);

static void take_state(UnitJob *j, int result, const UnitState *state, const sd_bus_error *error)
{
        UnitJobView view;
        const char *outcome;

        if (result < 0) {
                end(j, result, "", error);
                return;
        }
        if (j->phase == PHASE_BEFORE) {
                j->before = state->invocation;
                j->phase = PHASE_CALL;
                call(j);
                return;
        }
        view = (UnitJobView){ .id = j->id,
                              .restart = j->method && strcmp(j->method, "RestartUnit") == 0,
                              .before = j->before };
        switch (unit_outcome(&view, state, &outcome)) {
        case UNIT_OUTCOME_PENDING:
                set_queued(j, state->job);
                break;
        case UNIT_OUTCOME_ENDED:
                end(j, 0, outcome, NULL);
                break;
        case UNIT_OUTCOME_UNTAKEN:
                if (j->method)
                        call(j);
                else
                        end(j, -ENODATA, "", NULL);
                break;
        case UNIT_OUTCOME_UNKNOWN:
                end(j, -ENODATA, "", NULL);
                break;
        }
}

static void on_state(UnitQuestion *q, int result, const UnitState *state, const sd_bus_error *error,
                     void *userdata)
{
        UnitJob *j = userdata;

        j->question = NULL;
        take_state(j, result, state, error);
        unit_question_free(q);
}

static void ask(UnitJob *j)
{
        int r;

        if (j->question)
                return;
        /* The time is ours to keep. */
        r = unit_ask(j->manager, j->unit, false, UINT64_MAX, on_state, j, &j->question);
        if (r < 0)
                end(j, r, "", NULL);
}

/* ---- the call ---- */

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        UnitJob *j = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        const char *path, *digits;

        j->call = sd_bus_slot_unref(j->call);
        if (error && sd_bus_is_open(unit_manager_get_bus(j->manager)) <= 0)
                return 0; /* which we are about to be told */
        if (error && unit_error_is_absent(error))
                return 0; /* it was not even sent: again when systemd is back */
        if (error && unit_error_is_unanswered(error)) {
                ask(j);
                return 0;
        }
        if (error) {
                end(j, unit_error_to_errno(error), "", error);
                return 0;
        }
        if (sd_bus_message_read(m, "o", &path) <= 0) {
                end(j, -EBADMSG, "", NULL);
                return 0;
        }
        /* The number is all that the object's path has at its end. */
        digits = strrchr(path, '/');
        set_queued(j, digits ? (uint32_t)strtoul(digits + 1, NULL, 10) : 0);
        return 0;
}

static int make_call(UnitJob *j)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = unit_manager_new_call(j->manager, j->method, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", j->unit, j->mode);
        if (r >= 0)
                r = sd_bus_call_async(unit_manager_get_bus(j->manager), &j->call, m, on_reply, j,
                                      UNIT_CALL_USEC);
        return r;
}

static void call(UnitJob *j)
{
        int r = make_call(j);

        if (r < 0)
                end(j, r, "", NULL);
}

/* ---- what systemd says meanwhile ---- */

static void on_ready(UnitListener *l)
{
        UnitJob *j = (UnitJob *)l;

        if (j->phase == PHASE_QUEUED)
                ask(j);
        else if (j->phase == PHASE_CALL && !j->call && !j->question)
                call(j);
}

static void on_job_removed(UnitListener *l, uint32_t id, const char *result)
{
        UnitJob *j = (UnitJob *)l;

        if (j->phase == PHASE_QUEUED && id == j->id)
                end(j, 0, result, NULL);
}

static void on_cut(UnitListener *l)
{
        end((UnitJob *)l, -ENOTCONN, "", NULL);
}

static const UnitListenerHandler listener_handler = {
        .ready = on_ready,
        .job_removed = on_job_removed,
        .cut = on_cut,
};

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        end(userdata, -ETIMEDOUT, "", NULL);
        return 0;
}

/* ---- life ---- */

UnitJob *unit_job_free(UnitJob *j)
{
        if (!j)
                return NULL;
        if (j->listener.handler)
                unit_manager_forget(j->manager, &j->listener);
        sd_event_source_disable_unref(j->timeout);
        sd_bus_slot_unref(j->call);
        unit_question_free(j->question);
        unit_manager_unref(j->manager);
        free(j->mode);
        free(j->unit);
        free(j);
        return NULL;
}

static void job_freep(UnitJob **j)
{
        unit_job_free(*j);
}

sd_id128_t unit_job_get_before(const UnitJob *j)
{
        return j->before;
}

static int new_job(UnitManager *m, const char *method, const UnitJobOptions *options,
                   const UnitJobHandler *handler, void *userdata, UnitJob **ret)
{
        _cleanup_(job_freep) UnitJob *j = NULL;
        int r;

        j = calloc(1, sizeof(UnitJob));
        if (!j)
                return -ENOMEM;
        j->manager = unit_manager_ref(m);
        j->method = method;
        j->handler = handler;
        j->userdata = userdata;
        j->unit = strdup(options->unit);
        j->mode = strdup(options->mode ?: "replace");
        if (!j->unit || !j->mode)
                return -ENOMEM;
        if (options->timeout_usec != UINT64_MAX) {
                r = sd_event_add_time_relative(sd_bus_get_event(unit_manager_get_bus(m)),
                                               &j->timeout, CLOCK_MONOTONIC, options->timeout_usec,
                                               0, on_timeout, j);
                if (r < 0)
                        return r;
        }
        r = unit_manager_listen(m, &j->listener);
        if (r < 0)
                return r;
        j->listener.handler = &listener_handler;
        *ret = TAKE_PTR(j);
        return 0;
}

static int begin(UnitManager *m, const char *method, const UnitJobOptions *options,
                 const UnitJobHandler *handler, void *userdata, UnitJob **ret)
{
        _cleanup_(job_freep) UnitJob *j = NULL;
        int r;

        r = new_job(m, method, options, handler, userdata, &j);
        if (r < 0)
                return r;
        if (!options->before) {
                j->phase = PHASE_BEFORE;
                r = unit_ask(m, j->unit, false, UINT64_MAX, on_state, j, &j->question);
        } else {
                j->phase = PHASE_CALL;
                j->before = *options->before;
                if (unit_manager_is_ready(m))
                        r = make_call(j);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}

int unit_start(UnitManager *m, const UnitJobOptions *options, const UnitJobHandler *handler,
               void *userdata, UnitJob **ret)
{
        return begin(m, "StartUnit", options, handler, userdata, ret);
}

int unit_restart(UnitManager *m, const UnitJobOptions *options, const UnitJobHandler *handler,
                 void *userdata, UnitJob **ret)
{
        return begin(m, "RestartUnit", options, handler, userdata, ret);
}

int unit_job_resume(UnitManager *m, const UnitJobOptions *options, const UnitJobHandler *handler,
                    void *userdata, UnitJob **ret)
{
        _cleanup_(job_freep) UnitJob *j = NULL;
        int r;

        if (!options->before)
                return -EINVAL;
        r = new_job(m, NULL, options, handler, userdata, &j);
        if (r < 0)
                return r;
        j->phase = PHASE_QUEUED;
        j->before = *options->before;
        r = unit_ask(m, j->unit, false, UINT64_MAX, on_state, j, &j->question);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}
