/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "coalescer.h"
#include "complaint.h"
#include "environment-file.h"
#include "event-view.h"
#include "feed.h"
#include "headway.h"
#include "limiter.h"
#include "report.h"
#include "specifier.h"

/* What was dealt with is stored after this; before that an intent, which was stored, says as much.
 */
#define STORE_USEC UINT64_C(1000000)

/* And the place in the history, when nothing matched: it costs a write each time, and after a crash
 * what did not match is read once more. */
#define STORE_PLACE_USEC UINT64_C(30000000)

/* What is full for so long waits for a unit that does not come to rest; a flood passes sooner. */
#define FULL_USEC UINT64_C(30000000)

struct Runner {
        StartOwner owner; /* first, so that one is the other */
        const RunnerHost *host;
        const Trigger *trigger; /* borrowed */
        Headway *headway;
        Feed *feed;
        Limiter *limiter;
        Coalescer *coalescer;
        Complaint complaint;
        sd_event_source *storer; /* when to store, or NULL: nothing is to be stored */
        uint64_t store_at;       /* CLOCK_MONOTONIC */
        uint64_t last_token;
        sd_event_source *stuck; /* while it is full, until that was said; or NULL */
        bool full;              /* the history keeps the rest, until there is room */
        bool cannot_store;      /* which was said */
};

static void complain(Runner *r, const char *unit, int result, const char *sentence)
{
        complaint_make(&r->complaint, clock_usec(CLOCK_MONOTONIC), r->trigger->name, unit, result,
                       sentence);
}

/* ---- how far it has come ---- */

static void store(Runner *r)
{
        int k;

        r->storer = sd_event_source_disable_unref(r->storer);
        if (!r->trigger->catch_up)
                return;
        k = state_folder_store(r->host->states, r->trigger->name, r->headway);
        if (k < 0 && !r->cannot_store)
                report_error("Trigger %s: cannot store in %s how far it has come: %s. After a "
                             "crash units may be started again.",
                             r->trigger->name, state_folder_get_path(r->host->states),
                             strerror(-k));
        r->cannot_store = k < 0;
}

static int on_store(sd_event_source *source, uint64_t usec, void *userdata)
{
        store(userdata);
        return 0;
}

/* Within that time. */
static void store_soon(Runner *r, uint64_t usec)
{
        uint64_t at = clock_usec(CLOCK_MONOTONIC) + usec;

        if (r->storer && r->store_at <= at)
                return;
        r->storer = sd_event_source_disable_unref(r->storer);
        r->store_at = at;
        if (sd_event_add_time(r->host->loop, &r->storer, CLOCK_MONOTONIC, at, 0, on_store, r) < 0)
                store(r);
}

/* ---- starts ---- */

static int make_request(Runner *r, const char *unit, uint64_t token, cev_event *e, uint64_t n,
                        StartRequest **ret)
{
        _cleanup_(start_request_freep) StartRequest *request = calloc(1, sizeof(StartRequest));
        TriggerEvent view = event_view(e);
        int k;

        if (!request)
                return -ENOMEM;
        request->owner = &r->owner;
        request->token = token;
        request->unit = strdup(unit);
        if (!request->unit)
                return -ENOMEM;
        k = environment_file_name(unit, &request->file);
        if (k >= 0)
                k = environment_file_text(&view, r->trigger->name, n, &request->text);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(request);
        return 0;
}

static int start(Runner *r, const char *unit, uint64_t token, cev_event *e, uint64_t n,
                 const Intent *intent)
{
        _cleanup_(start_request_freep) StartRequest *request = NULL;
        int k;

        k = make_request(r, unit, token, e, n, &request);
        if (k < 0)
                return k;
        if (intent) {
                request->unsure = true;
                request->intent = *intent;
        }
        k = starter_add(r->host->starter, request);
        if (k < 0)
                return k;
        TAKE_PTR(request);
        return 0;
}

static void on_coalesced(const char *unit, uint64_t token, cev_event *last, uint64_t n,
                         void *userdata)
{
        Runner *r = userdata;
        int k = start(r, unit, token, last, n, NULL);

        if (k < 0) {
                complain(r, unit, k, "");
                headway_done(r->headway, token);
                store_soon(r, STORE_USEC);
        }
}

/* The token of the start that the event leads to, or 0 if it leads to none. */
static int decide(Runner *r, cev_event *e, uint64_t *ret)
{
        uint64_t seq = cev_event_get_seq(e), usec = cev_event_get_time_nsec(e) / 1000, token;
        _cleanup_free_ char *unit = NULL;
        TriggerEvent view = event_view(e);
        HeadwayKnown known;
        Intent intent;
        int k;

        *ret = 0;
        known = headway_ask(r->headway, seq, cev_event_get_cursor(e), usec, &intent);
        if (known == HEADWAY_DONE)
                return 0;
        k = unit_pattern_expand(r->trigger->unit, &view, &unit);
        if (k < 0)
                return k;
        if (known == HEADWAY_INTENDED) {
                *ret = ++r->last_token;
                return start(r, unit, *ret, e, 1, &intent);
        }
        token = coalescer_find(r->coalescer, unit);
        if (token == 0 && known != HEADWAY_PASSED && !limiter_passes(r->limiter, usec, seq))
                return 0;
        *ret = token ?: ++r->last_token;
        if (token != 0 || r->trigger->coalesce_usec > 0)
                return coalescer_add(r->coalescer, unit, *ret, e, r->trigger->coalesce_usec);
        return start(r, unit, *ret, e, 1, NULL);
}

/* ---- no room ---- */

static int on_stuck(sd_event_source *source, uint64_t usec, void *userdata)
{
        Runner *r = userdata;
        const char *unit;
        unsigned n = starter_find_longest(r->host->starter, &r->owner, &unit);

        r->stuck = sd_event_source_disable_unref(r->stuck);
        if (n > 0)
                report_warning("Trigger %s goes no further: %u starts wait for %s to end. Stop it, "
                               "and give it a time limit.",
                               r->trigger->name, n, unit);
        return 0;
}

static void stop_reading(Runner *r)
{
        r->full = true;
        feed_stop(r->feed);
        (void)sd_event_add_time_relative(r->host->loop, &r->stuck, CLOCK_MONOTONIC, FULL_USEC, 0,
                                         on_stuck, r);
}

static void go_on_reading(Runner *r)
{
        r->full = false;
        r->stuck = sd_event_source_disable_unref(r->stuck);
        feed_start(r->feed, r->trigger, NULL);
}

/* ---- what becomes of starts ---- */

static void on_intend(StartOwner *o, const StartRequest *request, const Intent *intent)
{
        headway_intend(((Runner *)o)->headway, request->token, intent);
}

static void on_commit(StartOwner *o)
{
        store((Runner *)o);
}

static void on_over(StartOwner *o, const StartRequest *request, int result, const char *sentence)
{
        Runner *r = (Runner *)o;

        headway_done(r->headway, request->token);
        store_soon(r, STORE_USEC);
        if (result < 0)
                complain(r, request->unit, result, sentence);
        if (r->full && headway_n_entries(r->headway) <= HEADWAY_ENTRIES_MAX / 2)
                go_on_reading(r);
}

/* ---- events ---- */

static int on_event(cev_event *e, void *userdata)
{
        Runner *r = userdata;
        uint64_t token;
        int k;

        k = decide(r, e, &token);
        if (k < 0 && k != -ENOMEM) {
                /* The same would come of it the next time. */
                complain(r, r->trigger->unit, k, "");
                token = 0;
                k = 0;
        }
        if (k >= 0)
                k = headway_take(r->headway, cev_event_get_seq(e), cev_event_get_cursor(e), token);
        if (k < 0)
                return k;
        if (token == 0)
                store_soon(r, STORE_USEC);
        if (headway_is_full(r->headway))
                stop_reading(r);
        return 0;
}

static void on_rest(const char *cursor, void *userdata)
{
        Runner *r = userdata;
        bool first = !headway_get_cursor(r->headway);

        if (headway_advance(r->headway, cursor) < 0)
                return; /* out of memory: the next time */
        headway_set_met(r->headway, clock_usec(CLOCK_REALTIME));
        /* From its first place on nothing is to be missed, whatever happens. */
        if (first) {
                store(r);
                r->host->placed(r->host->userdata);
        } else {
                store_soon(r, STORE_PLACE_USEC);
        }
}

/* ---- life ---- */

const Trigger *runner_get_trigger(const Runner *r)
{
        return r->trigger;
}

bool runner_has_place(const Runner *r)
{
        return headway_get_cursor(r->headway);
}

static bool have_same_filters(const Trigger *a, const Trigger *b)
{
        char **f = a->filters, **g = b->filters;

        while (*f && *g && strcmp(*f, *g) == 0) {
                f++;
                g++;
        }
        return !*f && !*g;
}

void runner_set_trigger(Runner *r, const Trigger *trigger)
{
        bool same = have_same_filters(r->trigger, trigger);

        if (r->trigger->catch_up && !trigger->catch_up)
                (void)state_folder_remove(r->host->states, trigger->name);
        r->trigger = trigger;
        r->complaint = (Complaint){};
        limiter_set_trigger(r->limiter, trigger);
        feed_set_trigger(r->feed, trigger);
        store_soon(r, STORE_USEC);
        if (!same && !r->full)
                feed_start(r->feed, trigger, headway_get_cursor(r->headway));
}

void runner_settle(Runner *r)
{
        limiter_settle(r->limiter);
        store(r);
}

Runner *runner_free(Runner *r)
{
        if (!r)
                return NULL;
        starter_forget(r->host->starter, &r->owner);
        feed_free(r->feed);
        coalescer_free(r->coalescer);
        limiter_free(r->limiter);
        sd_event_source_disable_unref(r->storer);
        sd_event_source_disable_unref(r->stuck);
        headway_free(r->headway);
        free(r);
        return NULL;
}

static void runner_freep(Runner **r)
{
        runner_free(*r);
}

/* Without a file it begins now; and so it does with one that is none. */
static int load(Runner *r)
{
        int k;

        if (!r->trigger->catch_up) {
                (void)state_folder_remove(r->host->states, r->trigger->name);
                return headway_new(&r->headway);
        }
        k = state_folder_load(r->host->states, r->trigger->name, &r->headway);
        if (k >= 0 || k == -ENOMEM)
                return k;
        if (k != -ENOENT)
                report_error("Trigger %s: %s/%s.state cannot be read (%s): it begins anew, with "
                             "what happens from now on.",
                             r->trigger->name, state_folder_get_path(r->host->states),
                             r->trigger->name, strerror(-k));
        return headway_new(&r->headway);
}

int runner_new(const RunnerHost *host, const Trigger *trigger, Runner **ret)
{
        static const FeedHandler feeding = { .event = on_event, .rest = on_rest };
        _cleanup_(runner_freep) Runner *r = NULL;
        int k;

        r = calloc(1, sizeof(Runner));
        if (!r)
                return -ENOMEM;
        *r = (Runner){
                .owner = { .intend = on_intend, .commit = on_commit, .over = on_over },
                .host = host,
                .trigger = trigger,
        };
        k = load(r);
        if (k >= 0)
                k = limiter_new(host->loop, headway_get_limit(r->headway), &r->limiter);
        if (k >= 0)
                k = coalescer_new(host->loop, on_coalesced, r, &r->coalescer);
        if (k >= 0)
                k = feed_new(host->clients, &feeding, r, &r->feed);
        if (k < 0)
                return k;
        limiter_set_trigger(r->limiter, trigger);
        feed_start(r->feed, trigger, headway_get_cursor(r->headway));
        *ret = TAKE_PTR(r);
        return 0;
}
