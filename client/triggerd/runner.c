/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoff.h"
#include "cleanup.h"
#include "coalescer.h"
#include "complaint.h"
#include "environment-file.h"
#include "event-clock.h"
#include "event-view.h"
#include "headway.h"
#include "rate-limit.h"
#include "report.h"
#include "specifier.h"

/* What was dealt with is stored after this; before that an intent, which was stored, says as much.
 */
#define STORE_USEC UINT64_C(1000000)

/* And the place in the history, when nothing matched: it costs a write each time, and after a crash
 * what did not match is read once more. */
#define STORE_PLACE_USEC UINT64_C(30000000)

struct Runner {
        StartOwner owner; /* first, so that one is the other */
        const RunnerHost *host;
        const Trigger *trigger; /* borrowed */
        Headway *headway;
        char *place;                    /* owned; behind all that was taken, or NULL */
        cev_subscription *subscription; /* NULL: none, it is full or was refused */
        Coalescer *coalescer;
        RateLimit limit;
        EventClock clock;
        Complaint complaint;
        sd_event_source *recorder; /* when what was left out is to be said, or NULL */
        sd_event_source *storer;   /* when to store, or NULL: nothing is to be stored */
        uint64_t store_at;         /* CLOCK_MONOTONIC */
        Backoff backoff;           /* until the next subscription */
        uint64_t last_token;
        bool full;     /* the history keeps the rest, until there is room */
        bool troubled; /* which was said */
};

static void subscribe(Runner *r);

static uint64_t now_usec(clockid_t clock)
{
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- how far it has come ---- */

static void store(Runner *r)
{
        int k;

        r->storer = sd_event_source_disable_unref(r->storer);
        if (!r->trigger->catch_up)
                return;
        k = state_folder_store(r->host->states, r->trigger->name, r->headway);
        if (k < 0)
                report_error("Trigger %s: cannot store in %s how far it has come: %s. After a "
                             "crash units may be started again.",
                             r->trigger->name, state_folder_get_path(r->host->states),
                             strerror(-k));
}

static int on_store(sd_event_source *source, uint64_t usec, void *userdata)
{
        store(userdata);
        return 0;
}

/* Within that time. */
static void store_soon(Runner *r, uint64_t usec)
{
        uint64_t at = now_usec(CLOCK_MONOTONIC) + usec;

        if (r->storer && r->store_at <= at)
                return;
        r->storer = sd_event_source_disable_unref(r->storer);
        r->store_at = at;
        if (sd_event_add_time(r->host->loop, &r->storer, CLOCK_MONOTONIC, at, 0, on_store, r) < 0)
                store(r);
}

static int set_place(Runner *r, const char *cursor)
{
        char *copy = strdup(cursor);

        if (!copy)
                return -ENOMEM;
        free(r->place);
        r->place = copy;
        return 0;
}

/* ---- what is left out ---- */

static void record(Runner *r, uint64_t usec)
{
        RateLimitRecord left_out;

        if (rate_limit_record(&r->limit, usec, &left_out))
                report_left_out(r->trigger->name, left_out.left_out, left_out.first_seq,
                                left_out.last_seq);
}

static int on_record(sd_event_source *source, uint64_t usec, void *userdata)
{
        Runner *r = userdata;

        r->recorder = sd_event_source_disable_unref(r->recorder);
        record(r, now_usec(CLOCK_REALTIME));
        return 0;
}

/* At the latest when an interval has passed here: the event may be an old one. */
static void record_soon(Runner *r)
{
        if (!r->recorder)
                (void)sd_event_add_time_relative(r->host->loop, &r->recorder, CLOCK_MONOTONIC,
                                                 r->limit.interval_usec, 0, on_record, r);
}

static bool passes_limit(Runner *r, cev_event *e)
{
        bool set_back;
        uint64_t usec = event_clock_tick(&r->clock, cev_event_get_time_nsec(e) / 1000,
                                         now_usec(CLOCK_REALTIME), &set_back);

        if (set_back)
                r->limit.started = 0;
        record(r, usec);
        if (rate_limit_take(&r->limit, usec, cev_event_get_seq(e)))
                return true;
        record_soon(r);
        return false;
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
                complaint_make(&r->complaint, now_usec(CLOCK_MONOTONIC), r->trigger->name, unit, k,
                               "");
                headway_done(r->headway, token);
                store_soon(r, STORE_USEC);
        }
}

/* Returns the token of the start that the event leads to, or 0 if it leads to none. */
static int decide(Runner *r, cev_event *e, uint64_t *ret)
{
        uint64_t seq = cev_event_get_seq(e), token;
        const char *cursor = cev_event_get_cursor(e);
        _cleanup_free_ char *unit = NULL;
        TriggerEvent view = event_view(e);
        Intent intent;
        int k;

        *ret = 0;
        if (headway_was_done(r->headway, seq, cursor))
                return 0;
        k = unit_pattern_expand(r->trigger->unit, &view, &unit);
        if (k < 0)
                return k;
        /* It was let pass before, and its start was under way. */
        if (headway_had_intent(r->headway, seq, cursor, &intent)) {
                *ret = ++r->last_token;
                return start(r, unit, *ret, e, 1, &intent);
        }
        token = coalescer_find(r->coalescer, unit);
        if (token == 0 && !passes_limit(r, e))
                return 0;
        *ret = token ?: ++r->last_token;
        if (token != 0 || r->trigger->coalesce_usec > 0)
                return coalescer_add(r->coalescer, unit, *ret, e, r->trigger->coalesce_usec);
        return start(r, unit, *ret, e, 1, NULL);
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
                complaint_make(&r->complaint, now_usec(CLOCK_MONOTONIC), r->trigger->name,
                               request->unit, result, sentence);
        if (r->full && headway_n_entries(r->headway) <= HEADWAY_ENTRIES_MAX / 2) {
                r->full = false;
                subscribe(r);
        }
}

/* ---- the subscription ---- */

static int on_event(cev_subscription *s, cev_event *e, void *userdata)
{
        Runner *r = userdata;
        uint64_t token;
        int k;

        k = decide(r, e, &token);
        if (k < 0 && k != -ENOMEM) {
                /* The same would come of it the next time. */
                complaint_make(&r->complaint, now_usec(CLOCK_MONOTONIC), r->trigger->name,
                               r->trigger->unit, k, "");
                token = 0;
                k = 0;
        }
        if (k >= 0)
                k = headway_take(r->headway, cev_event_get_seq(e), cev_event_get_cursor(e), token);
        if (k >= 0)
                k = set_place(r, cev_event_get_cursor(e));
        if (k < 0)
                return k;
        if (token == 0)
                store_soon(r, STORE_USEC);
        if (headway_is_full(r->headway)) {
                r->full = true;
                r->subscription = cev_subscription_unref(r->subscription);
        }
        return 0;
}

/* Nothing more is at hand. */
static void on_rest(Runner *r)
{
        bool first = !headway_get_cursor(r->headway);
        const char *cursor;

        backoff_reset(&r->backoff);
        r->troubled = false;
        if (!r->subscription || cev_subscription_get_cursor(r->subscription, &cursor) < 0)
                return;
        if (r->place && strcmp(r->place, cursor) == 0)
                return;
        if (set_place(r, cursor) < 0 || headway_advance(r->headway, cursor) < 0)
                return; /* out of memory: the next time */
        /* From its first place on nothing is to be missed, whatever happens. */
        if (first)
                store(r);
        else
                store_soon(r, STORE_PLACE_USEC);
}

static int on_idle(cev_subscription *s, void *userdata)
{
        on_rest(userdata);
        return 0;
}

static void on_caught_up(cev_subscription *s, void *userdata)
{
        on_rest(userdata);
}

static void on_notice(cev_subscription *s, cev_notice notice, const char *text, void *userdata)
{
        Runner *r = userdata;

        if (notice == CEV_NOTICE_EXPIRED)
                report_warning("Trigger %s: part of the history was gone before it was read: %s",
                               r->trigger->name, text);
        else if (notice == CEV_NOTICE_TROUBLE && !r->troubled)
                report_warning("Trigger %s: the history cannot be read: %s We go on trying.",
                               r->trigger->name, text);
        else
                return;
        r->troubled = notice == CEV_NOTICE_TROUBLE;
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
        Runner *r = userdata;

        backoff_stop(&r->backoff);
        subscribe(r);
        return 0;
}

static void on_end(cev_subscription *s, int result, const sd_bus_error *error, void *userdata)
{
        Runner *r = userdata;
        const char *sentence = error && error->message ? error->message : strerror(-result);

        r->subscription = cev_subscription_unref(r->subscription);
        if (result == -EINVAL) {
                report_error("Trigger %s does not run until its filters are changed: %s",
                             r->trigger->name, sentence);
                return;
        }
        if (!r->troubled)
                report_warning("Trigger %s: events cannot be had: %s. We go on trying.",
                               r->trigger->name, sentence);
        r->troubled = true;
        (void)backoff_rest(&r->backoff, r->host->loop, on_rested, r);
}

static int prepare_subscription(Runner *r, cev_subscription *s)
{
        const char *cursor = r->place ?: headway_get_cursor(r->headway);
        int k = 0;

        for (char **filter = r->trigger->filters; *filter && k >= 0; filter++)
                k = cev_subscription_add_filter(s, *filter);
        if (k >= 0 && cursor)
                k = cev_subscription_set_cursor(s, cursor);
        /* What was in an engine's log before we knew it did not happen just now. */
        if (k >= 0)
                k = cev_subscription_set_backlog(s, false);
        if (k >= 0)
                k = cev_subscription_set_idle_handler(s, on_idle);
        if (k >= 0)
                k = cev_subscription_set_caught_up_handler(s, on_caught_up);
        if (k >= 0)
                k = cev_subscription_set_notice_handler(s, on_notice);
        if (k >= 0)
                k = cev_subscription_set_end_handler(s, on_end);
        return k;
}

static void subscribe(Runner *r)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = NULL;
        int k;

        k = cev_subscription_new(r->host->client, &s);
        if (k >= 0)
                k = prepare_subscription(r, s);
        if (k >= 0)
                k = cev_subscription_start(s, on_event, r);
        if (k < 0)
                on_end(NULL, k, NULL, r);
        else
                r->subscription = TAKE_PTR(s);
}

/* ---- life ---- */

const Trigger *runner_get_trigger(const Runner *r)
{
        return r->trigger;
}

static void set_limit(Runner *r)
{
        r->limit.interval_usec = r->trigger->rate_limit_interval_usec;
        r->limit.burst = r->trigger->rate_limit_burst;
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
        set_limit(r);
        r->complaint = (Complaint){};
        store_soon(r, STORE_USEC);
        if (same)
                return;
        r->subscription = cev_subscription_unref(r->subscription);
        backoff_reset(&r->backoff);
        if (!r->full)
                subscribe(r);
}

void runner_settle(Runner *r)
{
        if (r->limit.left_out > 0)
                report_left_out(r->trigger->name, r->limit.left_out, r->limit.first_seq,
                                r->limit.last_seq);
        r->limit.left_out = 0;
        if (r->storer)
                store(r);
}

Runner *runner_free(Runner *r)
{
        if (!r)
                return NULL;
        starter_forget(r->host->starter, &r->owner);
        cev_subscription_unref(r->subscription);
        coalescer_free(r->coalescer);
        backoff_stop(&r->backoff);
        sd_event_source_disable_unref(r->recorder);
        sd_event_source_disable_unref(r->storer);
        headway_free(r->headway);
        free(r->place);
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
        set_limit(r);
        k = coalescer_new(host->loop, on_coalesced, r, &r->coalescer);
        if (k >= 0)
                k = load(r);
        if (k < 0)
                return k;
        subscribe(r);
        *ret = TAKE_PTR(r);
        return 0;
}
