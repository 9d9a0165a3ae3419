/* SPDX-License-Identifier: Apache-2.0 */
#include "round.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "belonging.h"
#include "calendar-question.h"
#include "cleanup.h"
#include "report.h"

/* What was told of a container and an image, in the ledger. */
#define TOLD_PENDING  "pending"
#define TOLD_STRANGER "stranger" /* the unit does not run the container */

#define USEC_PER_SEC UINT64_C(1000000)

/* An expression that cannot be asked about is asked about again, for somebody may put it right. */
#define CALENDAR_RETRY_USEC (3600 * USEC_PER_SEC)

struct Round {
        const Desk *desk;
        Fleet *fleet;               /* weak */
        Plan plan;                  /* owned */
        size_t next;                /* the unit that is looked at */
        CalendarQuestion *question; /* owned */
        CalendarWindow window;
        char *window_problem; /* owned; NULL: the window is as it says */
        uint64_t again_usec;
        RoundHandler handler;
        void *userdata;
};

static void step(Round *round);

Round *round_free(Round *round)
{
        if (!round)
                return NULL;
        calendar_question_free(round->question);
        plan_done(&round->plan);
        free(round->window_problem);
        free(round);
        return NULL;
}

static void end(Round *round, int r, const UnitPlan *next)
{
        const RoundResult found = { .next = next, .again_usec = round->again_usec };

        if (r >= 0)
                r = ledger_save(round->desk->ledger);
        if (r >= 0)
                publisher_wake(round->desk->publisher);
        round->handler(round, r, &found, round->userdata);
}

static void again_at(Round *round, uint64_t usec)
{
        if (usec < round->again_usec)
                round->again_usec = usec;
}

/* ---- telling ---- */

static bool was_told(const Round *round, const UnitPlan *unit, const char *what)
{
        for (size_t i = 0; i < unit->n; i++)
                if (!ledger_was_told(round->desk->ledger, unit->changes[i].container_id,
                                     unit->changes[i].new_image, what))
                        return false;
        return true;
}

/* Of each container and image once. */
static int tell(Round *round, const UnitPlan *unit, const Change *change, OutcomeResult result,
                const char *what, const char *error)
{
        const Outcome outcome = {
                .unit = unit->unit,
                .change = change,
                .result = result,
                .error = error,
                .time_nsec = desk_now_usec(round->desk) * 1000,
        };
        int r;

        if (ledger_was_told(round->desk->ledger, change->container_id, change->new_image, what))
                return 0;
        r = publisher_add(round->desk->publisher, &outcome);
        if (r >= 0)
                r = ledger_set_told(round->desk->ledger, change->container_id, change->new_image,
                                    what);
        return r;
}

static int tell_all(Round *round, const UnitPlan *unit, OutcomeResult result, const char *what,
                    const char *error)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < unit->n; i++)
                r = tell(round, unit, &unit->changes[i], result, what, error);
        return r;
}

/* ---- whether now ---- */

/* Why a unit is not to be updated now, and when it may be; NULL: it may be now. */
static const char *why_not_now(Round *round, const UnitPlan *unit)
{
        const Settings *settings = round->desk->settings;
        uint64_t now = desk_now_usec(round->desk), last, next;

        if (settings->dry_run)
                return "nothing is restarted: DryRun=yes is configured";
        if (round->window_problem) {
                again_at(round, now + CALENDAR_RETRY_USEC);
                return round->window_problem;
        }
        if (settings->calendar && !round->window.open) {
                again_at(round, round->window.until_usec);
                return "the window of OnCalendar= is not open";
        }
        last = ledger_get_restarted(round->desk->ledger, unit->unit);
        next = last + settings->min_interval_usec;
        if (last > 0 && last <= now && now < next) {
                again_at(round, next);
                return "the unit was restarted less than MinIntervalSec= ago";
        }
        return NULL;
}

/* ---- one unit after the other ---- */

static int tell_stranger(Round *round, const UnitPlan *unit, const Change *change)
{
        _cleanup_free_ char *error = NULL;

        if (asprintf(&error,
                     "the container is not run by the unit %s, which its label " LABEL_UNIT
                     " names",
                     unit->unit) < 0) {
                error = NULL;
                return -ENOMEM;
        }
        report_warning("%s is not restarted for the container %s: %s.", unit->unit,
                       change->container, error);
        return tell(round, unit, change, OUTCOME_FAILED, TOLD_STRANGER, error);
}

/* Leaves those containers in the plan that the unit runs. Those that only say so are told, and
 * change nothing for the others. */
static int drop_strangers(Round *round, UnitPlan *unit, const Inspection *inspection)
{
        for (size_t i = unit->n; i > 0; i--) {
                const Change *change = &unit->changes[i - 1];
                const Inspected *namer = inspection_find(inspection, change->namer_id);
                int r = 0;

                if (namer && namer->running) {
                        if (belonging_is_proved(namer->conmon, unit->unit, round->desk->user))
                                continue;
                        r = tell_stranger(round, unit, change);
                }
                unit_plan_drop(unit, i - 1); /* or it has gone meanwhile */
                if (r < 0)
                        return r;
        }
        return 0;
}

static void on_inspected(Engine *e, int result, const Inspection *inspection, void *userdata)
{
        Round *round = userdata;
        UnitPlan *unit = &round->plan.units[round->next];
        const char *reason;
        int r;

        if (result < 0) {
                report_error("Podman cannot be asked: %s.", engine_problem(e));
                end(round, result, NULL);
                return;
        }
        r = drop_strangers(round, unit, inspection);
        if (r >= 0 && unit->n > 0) {
                reason = why_not_now(round, unit);
                if (!reason) {
                        end(round, 0, unit);
                        return;
                }
                report_notice("%s has a new image and waits: %s.", unit->unit, reason);
                r = tell_all(round, unit, OUTCOME_PENDING, TOLD_PENDING, reason);
        }
        if (r < 0) {
                end(round, r, NULL);
                return;
        }
        round->next++;
        step(round);
}

static int inspect(Round *round, const UnitPlan *unit)
{
        _cleanup_free_ const char **ids = calloc(unit->n, sizeof(char *));

        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < unit->n; i++)
                ids[i] = unit->changes[i].namer_id;
        return engine_inspect(round->desk->engine, ids, unit->n, on_inspected, round);
}

static void step(Round *round)
{
        int r;

        for (; round->next < round->plan.n; round->next++) {
                const UnitPlan *unit = &round->plan.units[round->next];

                if (was_told(round, unit, TOLD_STRANGER))
                        continue;
                if (was_told(round, unit, TOLD_PENDING) && why_not_now(round, unit))
                        continue;
                r = inspect(round, unit);
                if (r < 0)
                        end(round, r, NULL);
                return;
        }
        end(round, 0, NULL);
}

/* ---- what there is ---- */

static void on_window(CalendarQuestion *q, int result, CalendarWindow window, const char *problem,
                      void *userdata)
{
        Round *round = userdata;

        round->window = window;
        if (result < 0) {
                if (asprintf(&round->window_problem, "OnCalendar=%s cannot be used: %s",
                             round->desk->settings->calendar, problem) < 0) {
                        round->window_problem = NULL;
                        end(round, -ENOMEM, NULL);
                        return;
                }
                report_error("%s.", round->window_problem);
        }
        step(round);
}

static int tell_fleet(Fleet *fleet, const Containers *containers)
{
        int r = 0;

        fleet_begin(fleet);
        for (size_t i = 0; r >= 0 && i < containers->n; i++)
                if (containers->list[i].policy != POLICY_NONE)
                        r = fleet_add(fleet, containers->list[i].id, containers->list[i].image);
        if (r >= 0)
                fleet_keep_added(fleet);
        return r;
}

static bool is_refused(const char *unit, const char *image, const char *old_image,
                       const char *new_image, void *userdata)
{
        const Round *round = userdata;

        return ledger_refuses(round->desk->ledger, unit, image, old_image, new_image);
}

static void on_listed(Engine *e, int result, const Containers *containers, const Images *images,
                      void *userdata)
{
        Round *round = userdata;
        const Settings *settings = round->desk->settings;
        int r = result;

        if (r < 0) {
                report_error("Podman cannot be asked: %s.", engine_problem(e));
                end(round, r, NULL);
                return;
        }
        r = tell_fleet(round->fleet, containers);
        if (r >= 0)
                r = plan_make(containers, images, is_refused, round, &round->plan);
        if (r < 0) {
                end(round, r, NULL);
                return;
        }
        if (round->plan.n == 0 || !settings->calendar || settings->dry_run) {
                step(round);
                return;
        }
        r = calendar_ask(round->desk->loop, settings->calendar, settings->window_usec, on_window,
                         round, &round->question);
        if (r < 0)
                on_window(NULL, r, (CalendarWindow){}, "systemd-analyze cannot be run", round);
}

int round_begin(const Desk *desk, Fleet *fleet, RoundHandler handler, void *userdata, Round **ret)
{
        Round *round = calloc(1, sizeof(Round));
        int r;

        if (!round)
                return -ENOMEM;
        round->desk = desk;
        round->fleet = fleet;
        round->again_usec = UINT64_MAX;
        round->handler = handler;
        round->userdata = userdata;
        r = engine_list(desk->engine, on_listed, round);
        if (r < 0) {
                report_error("Podman cannot be asked: %s.", engine_problem(desk->engine));
                round_free(round);
                return r;
        }

        *ret = round;
        return 0;
}
