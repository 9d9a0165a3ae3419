/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-event.h>

#include "ahead.h"
#include "backoff.h"
#include "bulk.h"
#include "bus-failure.h"
#include "cleanup.h"
#include "cursor.h"
#include "listener.h"
#include "page.h"
#include "progress.h"

/*
 * The states, and what leads from one to the next:
 *
 *   INSTALLING   the match for the signal, then the owner of the name, are asked for
 *       |
 *       v
 *     ASKING <----------------------------.   a page is on its way
 *       |  |                              |
 *       |  '-- more, or behind a signal --+
 *       |  |                              |
 *       |  '-- more: STREAMING -----------+   the service sends the rest through a pipe
 *       v                                 |
 *      LIVE ------------------------------+   all is read; the next signal is delivered as it is,
 *                                         |   or, if it does not fit, leads back to ASKING
 *     RESTING ----- a timer --------------+   the answer was an error that passes
 *     WAITING ----- a new owner ----------'   nobody owns the name
 *
 *      ENDED    nothing is done any more
 *
 * The match comes first, so that what is recorded while a page is on its way is known of when the
 * page is there. In ASKING, RESTING and WAITING signals only raise the number that was heard of;
 * the history has all of them, but for those of which more below, so none has to be kept. A new
 * owner leads to ASKING from everywhere.
 *
 * With filters, which only the service can evaluate, every signal leads to ASKING. A match for the
 * type alone in the broker would be tempting, but then the cursor would stand still while events of
 * other types come, until the history behind it is pruned and we would have to say that something
 * may be missing when nothing is.
 *
 * While nobody owns the name we do not call: an administrator who stopped the service would not
 * thank us for starting it. Only the first call may start it; an event that somebody emits starts
 * it, too, and then we hear of its new owner.
 *
 * A second page is not asked for: Stream gives the rest in one piece, at our own pace. Where it
 * ends, for whatever reason, pages go on, and so they do with a service that does not have it or
 * has no room for another one. A number that is left out may be an event that was pruned before we
 * came to it, so there, too, a page is asked for, which is refused then.
 *
 * While the service cannot write its history it signals all the same, and the history has these
 * events only later, under the same numbers and without another signal. So these signals are kept
 * while a page is on its way, and delivered behind it. Where a number is missing, and with filters,
 * we are RESTING until the history is written again. Who follows from now on is spared that: what
 * is missing before the first signal happened before. Who comes when all of them were signalled has
 * heard of none, so when the service says that it is no longer degraded, a page is asked for.
 *
 * The ends of health checks' exec sessions may be recorded and not signalled. The next signal says
 * how many they were, so that nobody has to ask for them. Where a page has them all the same, they
 * are left out of what happens while we follow: what is shown must not depend on whether we had to
 * ask.
 *
 * The time of the end is a timer. When it fires, one more page is asked for, since an event may
 * have been recorded that nobody has signalled yet.
 */

/* Rests before we give up, when there is nothing to follow yet or any more: about 13 s in all. */
#define RESTS_MAX 7

/* A restart of the service takes less and is not worth a word. */
#define ABSENT_USEC UINT64_C(5000000)

/* A broker drops signals for a reader that does not keep up, and when the last ones of a burst are
 * dropped, no number shows it. So after that many signals the history is asked once more. */
#define BURST 1000

typedef enum State {
        INSTALLING,
        ASKING,
        STREAMING,
        LIVE,
        RESTING,
        WAITING,
        ENDED,
} State;

struct Follow {
        sd_bus *bus;    /* shared */
        sd_event *loop; /* shared; the bus's own */
        FollowOptions options;
        const FollowHandler *handler;
        void *userdata;

        State state;
        Progress progress;
        Listener *listener; /* NULL when there is nothing to follow */
        Ahead ahead;
        GatePlace place; /* for the call */
        sd_bus_slot *call;
        Bulk *bulk;              /* of STREAMING */
        int bulk_error;          /* of the handler */
        uint64_t bulk_last;      /* number of the last event that came through it */
        Backoff backoff;         /* of RESTING */
        sd_event_source *absent; /* of WAITING: when it is worth a word */
        sd_event_source *deadline;
        sd_event_source *pause;

        unsigned n_inside; /* callbacks of the loop that are on the stack */
        bool dropped;      /* freed by one of them: the last one does it */

        unsigned n_signals; /* delivered since the last page */
        bool answered;      /* the service has given a page at least once */
        bool begins;        /* FOLLOW_NOW: nothing was heard of yet */
        bool quiet;         /* the service does not signal the ends of health checks */
        uint64_t live_last; /* number of the last event before we followed; UINT64_MAX: all yet */
        bool no_bulk;       /* pages only */
        bool ask_again;     /* when this page is there, whatever it says */
        bool past_deadline;
        bool last_page; /* this page was asked for after the deadline */
        bool told_absent;
        bool told_trouble;
};

static void ask(Follow *f);

/* A handler may free the Follow that calls it, which is still on the stack then. So every callback
 * of the loop is between these two. After a handler was called, the state tells. */

static Follow *enter(Follow *f)
{
        f->n_inside++;
        return f;
}

static void leavep(Follow **f)
{
        if (--(*f)->n_inside == 0 && (*f)->dropped)
                follow_free(*f);
}

static void stop_timers(Follow *f)
{
        backoff_stop(&f->backoff);
        f->absent = sd_event_source_disable_unref(f->absent);
}

static void drop_call(Follow *f)
{
        f->call = sd_bus_slot_unref(f->call);
        gate_leave(f->options.gate, &f->place);
}

static void end(Follow *f, int result, const sd_bus_error *error)
{
        if (f->state == ENDED)
                return;
        f->state = ENDED;
        drop_call(f);
        f->bulk = bulk_free(f->bulk);
        stop_timers(f);
        f->deadline = sd_event_source_disable_unref(f->deadline);
        f->pause = sd_event_source_disable_unref(f->pause);
        f->handler->end(result, error, f->userdata);
}

/* Whether a failure may be waited out for as long as it takes. */
static bool is_steady(const Follow *f)
{
        return f->answered && f->options.follow && !f->past_deadline;
}

static int deliver(const Event *e, const char *cursor, void *userdata)
{
        Follow *f = userdata;
        const FollowOptions *o = &f->options;

        if (f->state == ENDED)
                return -ECANCELED;
        /* QueryAfter has no lower bound, and a signal has neither. */
        if (e->time_nsec < o->since_nsec || (o->until_nsec > 0 && e->time_nsec >= o->until_nsec))
                return 0;
        if (e->backlog && o->skips_backlog)
                return 0;
        if (f->quiet && e->seq > f->live_last && event_is_health_check_exec(e))
                return 0;
        return f->handler->event(e, cursor, f->userdata);
}

/* ---- timers ---- */

static int on_rested(sd_event_source *s, uint64_t usec, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);

        ask(f);
        return 0;
}

static void rest(Follow *f)
{
        int r;

        if (f->state == ENDED)
                return;
        f->state = RESTING;
        r = backoff_rest(&f->backoff, f->loop, on_rested, f);
        if (r < 0)
                end(f, r, NULL);
}

static int on_absent(sd_event_source *s, uint64_t usec, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);

        stop_timers(f);
        f->told_absent = true;
        f->handler->notice(FOLLOW_ABSENT, "", f->userdata);
        return 0;
}

static void wait_for_owner(Follow *f)
{
        int r;

        f->state = WAITING;
        if (f->past_deadline) {
                end(f, 0, NULL);
        } else if (!f->told_absent) {
                stop_timers(f);
                r = sd_event_add_time_relative(f->loop, &f->absent, CLOCK_MONOTONIC, ABSENT_USEC, 0,
                                               on_absent, f);
                if (r < 0)
                        end(f, r, NULL);
        }
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);

        f->past_deadline = true;
        if (f->state == WAITING)
                end(f, 0, NULL);
        else if (f->state == LIVE || f->state == RESTING)
                ask(f);
        else
                f->ask_again = true;
        return 0;
}

static int on_pause(sd_event_source *s, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);
        int r;

        r = f->handler->pause(f->progress.cursor, f->userdata);
        if (r < 0)
                end(f, r, NULL);
        else if (f->state == LIVE && f->n_signals >= BURST)
                ask(f);
        return 0;
}

/* ---- pages ---- */

static void restart(Follow *f, const sd_bus_error *error)
{
        int r;

        f->handler->notice(FOLLOW_EXPIRED, error->message ?: "", f->userdata);
        if (f->state == ENDED)
                return;
        r = progress_start(&f->progress, "");
        f->live_last = UINT64_MAX;
        if (r < 0)
                end(f, r, NULL);
        else
                ask(f);
}

static void failed(Follow *f, const sd_bus_error *error)
{
        BusFailure failure = bus_failure(error);
        const char *cursor = f->progress.cursor;

        if (sd_bus_is_open(f->bus) <= 0) {
                end(f, -ENOTCONN, NULL);
        } else if (failure == BUS_FAILURE_EXPIRED && cursor && *cursor) {
                restart(f, error);
        } else if (failure == BUS_FAILURE_ABSENT && is_steady(f)) {
                wait_for_owner(f);
        } else if (failure == BUS_FAILURE_UNAVAILABLE && is_steady(f)) {
                bool told = f->told_trouble;

                f->told_trouble = true;
                if (!told)
                        f->handler->notice(FOLLOW_TROUBLE, error->message ?: "", f->userdata);
                rest(f);
        } else if ((failure == BUS_FAILURE_PASSING ||
                    (failure == BUS_FAILURE_ABSENT && f->options.again)) &&
                   (is_steady(f) || f->backoff.n_rests < RESTS_MAX)) {
                rest(f);
        } else {
                end(f, -sd_bus_error_get_errno(error), error);
        }
}

/* ---- the rest in one piece ---- */

static int take_place(Follow *f, uint64_t seq)
{
        bool all = !f->options.filters || !f->options.filters[0];

        /* Of all events the next one has the next number. */
        if (seq <= f->bulk_last || (all && f->options.since_nsec == 0 &&
                                    f->options.until_nsec == 0 && seq != f->bulk_last + 1))
                return -ESTALE;
        f->bulk_last = seq;
        return 0;
}

static int on_bulk_event(const Event *e, void *userdata)
{
        _cleanup_free_ char *cursor = NULL;
        _cleanup_(leavep) Follow *f = enter(userdata);
        int r;

        r = take_place(f, e->seq);
        if (r < 0)
                return r;
        r = cursor_format(f->progress.epoch, e->seq, &cursor);
        if (r >= 0)
                r = deliver(e, cursor, f);
        if (r < 0)
                f->bulk_error = r;
        return r;
}

static int on_bulk_line(const char *line, size_t length, uint64_t seq, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);
        int r;

        r = take_place(f, seq);
        if (r < 0)
                return r;
        f->bulk_error = f->handler->line(line, length, f->userdata);
        return f->bulk_error;
}

static int on_bulk_pause(void *userdata)
{
        _cleanup_free_ char *cursor = NULL;
        _cleanup_(leavep) Follow *f = enter(userdata);
        int r;

        r = cursor_format(f->progress.epoch, f->bulk_last, &cursor);
        if (r >= 0)
                r = f->handler->pause(cursor, f->userdata);
        if (r < 0)
                f->bulk_error = r;
        return r;
}

static void on_bulk_end(int result, void *userdata)
{
        _cleanup_free_ char *cursor = NULL;
        _cleanup_(leavep) Follow *f = enter(userdata);
        Step next = STEP_IGNORE;
        int r = f->bulk_error;

        f->bulk = bulk_free(f->bulk);
        if (r >= 0)
                r = cursor_format(f->progress.epoch, f->bulk_last, &cursor);
        if (r >= 0)
                r = progress_page(&f->progress, cursor, true, &next);
        if (r < 0) {
                end(f, r, NULL);
                return;
        }
        /* One that gives nothing would give nothing again. */
        f->no_bulk = next != STEP_ASK;
        ask(f);
}

static int on_bulk_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        static const BulkHandler events = {
                .event = on_bulk_event,
                .pause = on_bulk_pause,
                .end = on_bulk_end,
        };
        static const BulkHandler lines = {
                .raw = true,
                .line = on_bulk_line,
                .pause = on_bulk_pause,
                .end = on_bulk_end,
        };
        _cleanup_(leavep) Follow *f = enter(userdata);
        int r;

        f->call = sd_bus_slot_unref(f->call);
        r = sd_bus_message_is_method_error(m, NULL)
                    ? -EOPNOTSUPP
                    : bulk_new(f->loop, m, f->handler->line ? &lines : &events, f, &f->bulk);
        if (r >= 0)
                return 0;
        f->no_bulk = true;
        ask(f);
        return 0;
}

static int stream(Follow *f)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        BulkRequest request = {
                .cursor = f->progress.cursor,
                .since_nsec = f->options.since_nsec,
                .until_nsec = f->options.until_nsec,
                .filters = f->options.filters,
        };
        int r;

        f->state = STREAMING;
        f->bulk_last = f->progress.last;
        r = bulk_request(f->bus, &request, &m);
        return r < 0 ? r : sd_bus_call_async(f->bus, &f->call, m, on_bulk_reply, f, 0);
}

/* ---- the page ---- */

/* Behind the end of the history: what was signalled and is not recorded yet, as far as no number is
 * missing. */
static int deliver_ahead(Follow *f)
{
        const AheadSignal *next;
        int r = 0;

        while (r >= 0 && f->state != ENDED && (next = ahead_next(&f->ahead, f->progress.last))) {
                _cleanup_(event_done) Event e = {};

                if (f->begins && f->progress.heard == 0)
                        r = progress_skip_to(&f->progress, next->seq);
                f->begins = false;
                if (r < 0 || !progress_is_next(&f->progress, next->seq, next->n_unsignalled))
                        break;
                r = ahead_take(&f->ahead, &e);
                if (r >= 0)
                        r = progress_delivered(&f->progress, e.seq);
                if (r >= 0)
                        r = deliver(&e, f->progress.cursor, f);
                f->n_signals++;
        }

        return r;
}

/* A page was read, and what is next is not more of them. */
static int go_beyond(Follow *f, Step *next)
{
        int r;

        r = deliver_ahead(f);
        if (r >= 0 && *next == STEP_WAIT && f->progress.ahead <= f->progress.last)
                *next = STEP_IGNORE;
        return r;
}

/* All that was recorded when the page was asked for is read. */
static void caught_up(Follow *f)
{
        if (!f->options.follow || f->last_page) {
                end(f, 0, NULL);
        } else if (f->ask_again) {
                ask(f);
        } else {
                f->state = LIVE;
                if (f->live_last == UINT64_MAX)
                        f->live_last = f->progress.last;
                if (f->handler->caught_up)
                        f->handler->caught_up(f->userdata);
        }
}

static int take_page(Follow *f, sd_bus_message *m)
{
        const char *cursor;
        bool more;
        Step next;
        int r;

        r = page_read(m, deliver, f, &cursor, &more);
        if (r >= 0)
                r = progress_page(&f->progress, cursor, more, &next);
        if (r >= 0)
                f->n_signals = 0;
        if (r >= 0 && (next == STEP_IGNORE || next == STEP_WAIT))
                r = go_beyond(f, &next);
        if (r >= 0)
                r = f->handler->pause(f->progress.cursor, f->userdata);
        if (r < 0)
                return r;

        f->answered = true;
        f->told_trouble = false;
        if (next == STEP_REST && !is_steady(f) && f->backoff.n_rests >= RESTS_MAX)
                return -EPROTO;
        if (next == STEP_REST || (next == STEP_WAIT && is_steady(f))) {
                rest(f);
                return 0;
        }
        backoff_reset(&f->backoff);
        if (next == STEP_ASK && more && !f->no_bulk && f->progress.epoch)
                return stream(f);
        if (next == STEP_ASK)
                ask(f);
        else
                caught_up(f);
        return 0;
}

static bool needs_end(const Follow *f)
{
        return f->options.start == FOLLOW_NOW && !f->progress.cursor;
}

static int take_end(Follow *f, sd_bus_message *m)
{
        _cleanup_free_ char *cursor = NULL;
        int r;

        r = page_end_read(m, &cursor);
        if (r >= 0)
                r = progress_start(&f->progress, cursor);
        f->begins = true;
        f->live_last = f->progress.last;
        if (r >= 0)
                ask(f);
        return r;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_(leavep) Follow *f = enter(userdata);
        int r;

        drop_call(f);
        if (sd_bus_message_is_method_error(m, NULL)) {
                failed(f, sd_bus_message_get_error(m));
                return 0;
        }
        r = needs_end(f) ? take_end(f, m) : take_page(f, m);
        if (r < 0)
                end(f, r, NULL);
        return 0;
}

static void call(Follow *f)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        PageRequest page = {
                .cursor = f->progress.cursor,
                .since_nsec = f->options.since_nsec,
                .until_nsec = f->options.until_nsec,
                .filters = f->options.filters,
                .start_service = !is_steady(f),
        };
        int r;

        f->ask_again = false;
        f->last_page = f->past_deadline;

        r = needs_end(f) ? page_end_request(f->bus, &m) : page_request(f->bus, &page, &m);
        if (r >= 0)
                r = sd_bus_call_async(f->bus, &f->call, m, on_reply, f, 0);
        if (r < 0)
                end(f, r, NULL);
}

static void on_granted(GatePlace *place)
{
        _cleanup_(leavep) Follow *f = enter((Follow *)((char *)place - offsetof(Follow, place)));

        call(f);
}

static void ask(Follow *f)
{
        if (f->state == ENDED)
                return;
        stop_timers(f);
        if (!listener_has_owner(f->listener) && is_steady(f)) {
                wait_for_owner(f);
                return;
        }
        f->state = ASKING;
        if (gate_enter(f->options.gate, &f->place))
                call(f);
}

/* ---- signals ---- */

static void on_event(const Event *e, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);
        Step step = e->unrecorded ? progress_heard_unrecorded(&f->progress, e->seq, e->unsignalled)
                                  : progress_heard(&f->progress, e->seq, e->unsignalled);
        int r = 0;

        if (event_is_health_check_exec(e))
                f->quiet = false;
        else if (e->has_unsignalled)
                f->quiet = true;
        if (step == STEP_IGNORE)
                return;
        if (e->unrecorded && !f->progress.ask_always && (f->state != LIVE || step != STEP_DELIVER))
                r = ahead_add(&f->ahead, e);
        if (r < 0)
                end(f, r, NULL);
        if (f->state != LIVE)
                return;
        if (step != STEP_DELIVER) {
                ask(f);
                return;
        }

        f->begins = false;
        r = progress_delivered(&f->progress, e->seq);
        if (r >= 0)
                r = deliver(e, f->progress.cursor, f);
        /* When nothing else is at hand: a burst of signals is one pause. */
        if (r >= 0)
                r = sd_event_source_set_enabled(f->pause, SD_EVENT_ONESHOT);
        if (r < 0)
                end(f, r, NULL);
        f->n_signals++;
}

static void on_owner(bool present, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);

        if (f->state == ENDED)
                return;
        progress_new_owner(&f->progress);
        ahead_done(&f->ahead);
        f->begins = false;
        if (f->told_absent && present) {
                f->told_absent = false;
                f->handler->notice(FOLLOW_BACK, "", f->userdata);
        }

        if (f->state == STREAMING)
                f->no_bulk = false; /* the pipe ends by itself, and the history is asked then */
        else if (f->state == ASKING)
                f->ask_again = present;
        else if (present || f->state == INSTALLING)
                ask(f);
        else if (f->state == LIVE)
                wait_for_owner(f);
}

static void on_written(void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);

        if (f->state == LIVE)
                ask(f);
        else if (f->state == ASKING)
                f->ask_again = true;
}

static void on_failed(int result, const sd_bus_error *error, void *userdata)
{
        _cleanup_(leavep) Follow *f = enter(userdata);

        end(f, result, error);
}

/* ---- life ---- */

Follow *follow_free(Follow *f)
{
        if (!f)
                return NULL;
        f->state = ENDED;
        f->pause = sd_event_source_disable_unref(f->pause);
        f->deadline = sd_event_source_disable_unref(f->deadline);
        stop_timers(f);
        drop_call(f);
        f->bulk = bulk_free(f->bulk);
        f->listener = listener_free(f->listener);
        if (f->n_inside > 0) {
                f->dropped = true;
                return NULL;
        }
        ahead_done(&f->ahead);
        progress_done(&f->progress);
        sd_event_unref(f->loop);
        sd_bus_unref(f->bus);
        free(f);
        return NULL;
}

const char *follow_cursor(const Follow *f)
{
        return f->progress.cursor;
}

FollowLive follow_live(const Follow *f)
{
        return (FollowLive){
                .is_quiet = f->quiet,
                .begun = f->live_last < UINT64_MAX,
                .last = f->live_last,
        };
}

static int add_sources(Follow *f)
{
        uint64_t until = f->options.until_nsec;
        int r;

        r = sd_event_add_defer(f->loop, &f->pause, on_pause, f);
        if (r >= 0)
                r = sd_event_source_set_enabled(f->pause, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(f->pause, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0 && f->options.follow && until > 0)
                r = sd_event_add_time(f->loop, &f->deadline, CLOCK_REALTIME, until / 1000 + 1, 1,
                                      on_deadline, f);
        return r;
}

int follow_new(sd_bus *bus, const FollowOptions *options, const FollowHandler *handler,
               void *userdata, Follow **ret)
{
        static const ListenerHandler listening = {
                .owner = on_owner,
                .event = on_event,
                .written = on_written,
                .failed = on_failed,
        };
        _cleanup_(follow_freep) Follow *f = calloc(1, sizeof(Follow));
        int r;

        if (!f)
                return -ENOMEM;
        f->bus = sd_bus_ref(bus);
        f->loop = sd_event_ref(sd_bus_get_event(bus));
        f->options = *options;
        f->handler = handler;
        f->userdata = userdata;
        f->options.cursor = NULL; /* below it is copied */
        f->place.granted = on_granted;
        f->live_last = options->live.begun ? options->live.last : UINT64_MAX;
        f->quiet = options->live.is_quiet;
        f->answered = options->again;

        r = progress_init(&f->progress, options->start == FOLLOW_CURSOR ? options->cursor : NULL,
                          options->filters && options->filters[0]);
        if (r < 0)
                return r;
        r = add_sources(f);
        if (r < 0)
                return r;
        if (options->follow) {
                r = listener_new(bus, &listening, f, &f->listener);
                if (r < 0)
                        return r;
        } else {
                ask(f);
        }

        *ret = TAKE_PTR(f);
        return 0;
}
