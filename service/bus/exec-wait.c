/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/exec-wait.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/heap.h"
#include "base/logging.h"
#include "base/turn.h"
#include "base/utf8.h"
#include "bus/exit-code.h"
#include "bus/waiter.h"
#include "log/index-key.h"
#include "log/log-reader.h"
#include "log/record-parser.h"
#include "model/vocabulary.h"
#include "names.h"

/* Records, and bytes of them, looked at in one turn of the loop, by the reader that follows and by
 * a question: some milliseconds. */
#define RECORDS_PER_TURN 500
#define BYTES_PER_TURN   (256 * 1024)

/* Each of them asks the sources, who ask the kernel: some microseconds. */
#define STARTS_PER_TURN 32

/* Each is a message that is written to the bus: some ten microseconds. */
#define ANSWERS_PER_TURN 64

/* Questions to the history at a time, of all that are waited for. One that takes long does not hold
 * up the others, and each holds a reader with a buffer and a descriptor. */
#define QUESTIONS_MAX 8

/* For as many as may wait (bus/waiter.h), some ten in each. */
#define BUCKETS 2048

typedef enum WantedState {
        WANTED_QUEUED, /* it is to be looked for */
        WANTED_HELD,   /* until what was appended before is committed */
        WANTED_ASKED,  /* the history is being asked */
        WANTED_RUNS,   /* it has not ended */
        WANTED_DONE,   /* it has an answer */
        N_STATES,
} WantedState;

TAILQ_HEAD(WantedList, Wanted);

/* An exec session that somebody waits for. */
typedef struct Wanted {
        ExecWaits *waits; /* weak */
        WantedState state;
        LIST_ENTRY(Wanted) bucket; /* of its ID, while it is queued or runs */
        TAILQ_ENTRY(Wanted) list;  /* of its state, unless it is queued */
        HeapItem place;            /* in the queue */
        char *id;                  /* owned: as it was asked for; the full one when it runs */
        ExitCode *exit_code;       /* owned: from when the sources were asked until it runs, and
                                    * when it is done; NULL then: "error" */
        LogReader *reader;         /* owned: while the history is asked */
        int error;
        bool ran;           /* and is looked for again */
        WaiterList waiters; /* never empty, but while it is made or freed */
} Wanted;

struct ExecWaits {
        const BusHost *host; /* weak */
        Outbox *outbox;      /* weak */
        Waiters *waiters;    /* owned */
        Turn turn;
        RecordParser parser;
        uint64_t seed; /* of the buckets, so that nobody can choose IDs that fall together */
        LIST_HEAD(, Wanted) buckets[BUCKETS];
        Heap queued;                       /* by the place of who asked first */
        uint64_t served;                   /* the last place whose turn it was */
        struct WantedList lists[N_STATES]; /* of those that are owned */
        unsigned n_asked;
        Filter *filter;    /* owned: of ends */
        LogReader *follow; /* owned: of them, behind all questions that are through; or NULL */
        bool is_behind;    /* it may have more */
        uint64_t dropped_seq;
};

/* ---- what is wanted ---- */

static unsigned bucket_of(const ExecWaits *waits, const char *id)
{
        return index_key(waits->seed, INDEX_EXEC_LONG, id, strlen(id)) % BUCKETS;
}

static bool is_found_by_id(const Wanted *wanted)
{
        return wanted->state == WANTED_QUEUED || wanted->state == WANTED_RUNS;
}

/* Takes it out of where its state has put it. */
static void leave_state(Wanted *wanted)
{
        ExecWaits *waits = wanted->waits;

        if (is_found_by_id(wanted))
                LIST_REMOVE(wanted, bucket);
        if (wanted->state == WANTED_QUEUED)
                heap_remove(&waits->queued, &wanted->place);
        else
                TAILQ_REMOVE(waits->lists + wanted->state, wanted, list);
        if (wanted->state == WANTED_ASKED) {
                wanted->reader = log_reader_free(wanted->reader);
                waits->n_asked--;
        }
}

/* Any state but WANTED_QUEUED. */
static void enter_state(Wanted *wanted, WantedState state)
{
        ExecWaits *waits = wanted->waits;

        wanted->state = state;
        TAILQ_INSERT_TAIL(waits->lists + state, wanted, list);
        if (is_found_by_id(wanted))
                LIST_INSERT_HEAD(waits->buckets + bucket_of(waits, wanted->id), wanted, bucket);
        if (state == WANTED_ASKED)
                waits->n_asked++;
        turn_schedule(&waits->turn);
}

static void set_state(Wanted *wanted, WantedState state)
{
        leave_state(wanted);
        enter_state(wanted, state);
}

static void fail(Wanted *wanted, int error)
{
        wanted->exit_code = exit_code_free(wanted->exit_code);
        wanted->error = error;
        set_state(wanted, WANTED_DONE);
}

/* It is in no state. */
static int enter_queue(Wanted *wanted, uint64_t place)
{
        ExecWaits *waits = wanted->waits;
        int r;

        r = heap_add(&waits->queued, &wanted->place, place);
        if (r < 0)
                return r;
        wanted->state = WANTED_QUEUED;
        LIST_INSERT_HEAD(waits->buckets + bucket_of(waits, wanted->id), wanted, bucket);
        turn_schedule(&waits->turn);
        return 0;
}

/* It is looked for again, before those that came later. */
static void requeue(Wanted *wanted)
{
        leave_state(wanted);
        if (enter_queue(wanted, wanted->waits->served) < 0) {
                enter_state(wanted, WANTED_HELD);
                fail(wanted, -ENOMEM);
        }
}

/* What ran, and may have ended. */
static void look_again_for(Wanted *wanted)
{
        wanted->ran = true;
        requeue(wanted);
}

/* It is in no state. */
static Wanted *wanted_free(Wanted *wanted)
{
        if (!wanted)
                return NULL;

        log_reader_free(wanted->reader); /* its question has the other's filter */
        exit_code_free(wanted->exit_code);
        free(wanted->id);
        free(wanted);
        return NULL;
}

DEFINE_CLEANUP(Wanted *, wanted_free)

/* One that is looked for now is not found: of one that began meanwhile it may not know. */
static Wanted *find_wanted(const ExecWaits *waits, const char *id)
{
        Wanted *wanted;

        LIST_FOREACH(wanted, waits->buckets + bucket_of(waits, id), bucket)
        {
                if (strcmp(wanted->id, id) == 0 &&
                    (wanted->state == WANTED_RUNS || !wanted->exit_code))
                        return wanted;
        }
        return NULL;
}

/* Ends a waiter, and what only it has waited for. */
static void release(Waiter *waiter)
{
        Wanted *wanted = waiter->what;

        TAILQ_REMOVE(&wanted->waiters, waiter, same);
        waiter_free(waiter);
        if (TAILQ_EMPTY(&wanted->waiters)) {
                leave_state(wanted);
                wanted_free(wanted);
        }
}

/* ---- following the log ---- */

static int start_following(ExecWaits *waits)
{
        const LogQuestion question = {
                .after_seq = eventlog_newest_seq(waits->host->log),
                .filter = waits->filter,
        };

        return waits->follow ? 0 : log_reader_new(waits->host->log, &question, &waits->follow);
}

static void finish(Wanted *wanted, const EventFields *event)
{
        _cleanup_(exit_code_freep) ExitCode *exit_code = NULL;
        int r;

        if ((r = exit_code_new(EXIT_CODE_EXEC, wanted->id, &exit_code)) < 0 ||
            (r = exit_code_look_at(exit_code, event)) < 0) {
                fail(wanted, r);
                return;
        }

        wanted->exit_code = TAKE_PTR(exit_code);
        set_state(wanted, WANTED_DONE);
}

/* Any user can log that an exec session of root's has ended: then the history is asked, which knows
 * who else spoke of it. */
static bool is_trusted(const EventFields *event)
{
        return !event->has_uid || event->uid == 0 || event->uid == getuid();
}

/* Whoever is being looked for finds the event by itself. */
static void deliver(ExecWaits *waits, const EventFields *event)
{
        Wanted *wanted, *next;

        if (!event->exec_id || strcmp(event->type, "container") != 0 ||
            strcmp(event_status_canonical(event->status), "exec_died") != 0)
                return;
        wanted = LIST_FIRST(waits->buckets + bucket_of(waits, event->exec_id));
        for (; wanted; wanted = next) {
                next = LIST_NEXT(wanted, bucket);
                if (wanted->state != WANTED_RUNS || strcmp(wanted->id, event->exec_id) != 0)
                        continue;
                if (is_trusted(event))
                        finish(wanted, event);
                else
                        look_again_for(wanted);
        }
}

/* Returns 1 at the end of the log, 0 if there may be more, or negative errno. */
static int follow(ExecWaits *waits)
{
        size_t bytes = 0, length;

        for (unsigned n = 0; n < RECORDS_PER_TURN && bytes < BYTES_PER_TURN; n++, bytes += length) {
                const EventFields *event;
                const char *line;
                int r;

                r = log_reader_next(waits->follow, &line, &length);
                if (r < 0)
                        return r;
                if (r != 1)
                        return r == 0;
                r = record_parser_read(&waits->parser, line, length, &event);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0)
                        deliver(waits, event);
        }

        return 0;
}

/* All that run are looked for again: the log has passed over an end, or cannot be read. */
static void look_again(ExecWaits *waits)
{
        Wanted *wanted;

        while ((wanted = TAILQ_FIRST(waits->lists + WANTED_RUNS)))
                look_again_for(wanted);
        waits->follow = log_reader_free(waits->follow);
}

static void catch_up(ExecWaits *waits)
{
        int r = follow(waits);

        waits->is_behind = r == 0;
        if (r < 0) {
                log_warning("The ends of exec sessions cannot be read: %s.", strerror(-r));
                look_again(waits);
        }
}

/* ---- looking for one ---- */

/* It has not ended, and its full ID is known. The log was read to its end, or the sources say that
 * the end is not in it. */
static void wait_for_end(Wanted *wanted)
{
        char *full_id;
        int r;

        full_id = strdup(exit_code_full_id(wanted->exit_code));
        r = full_id ? start_following(wanted->waits) : -ENOMEM;
        if (r < 0) {
                free(full_id);
                fail(wanted, r);
                return;
        }

        leave_state(wanted);
        free(wanted->id);
        wanted->id = full_id;
        wanted->exit_code = exit_code_free(wanted->exit_code);
        enter_state(wanted, WANTED_RUNS);
}

static bool is_healthy(const EventLog *log)
{
        return *eventlog_failure(log) == '\0';
}

/* An end that a source saw is appended, and the commit follows at once, unless it fails. */
static bool must_be_held(const ExecWaits *waits)
{
        const BusHost *host = waits->host;

        return host->exec_running && eventlog_uncommitted(host->log) > 0 && is_healthy(host->log);
}

static int ask_sources(Wanted *wanted)
{
        int r;

        r = exit_code_new(EXIT_CODE_EXEC, wanted->id, &wanted->exit_code);
        return r < 0 ? r : exit_code_ask_running(wanted->exit_code, wanted->waits->host);
}

static void ask_history(Wanted *wanted)
{
        const LogQuestion question = {
                .filter = exit_code_filter(wanted->exit_code),
                .exits = true,
        };
        LogReader *reader;
        int r;

        if (!question.filter) {
                set_state(wanted, WANTED_DONE);
                return;
        }
        r = log_reader_new(wanted->waits->host->log, &question, &reader);
        if (r < 0) {
                fail(wanted, r);
                return;
        }
        set_state(wanted, WANTED_ASKED);
        wanted->reader = reader;
}

static void start(Wanted *wanted)
{
        ExecWaits *waits = wanted->waits;
        const char *running;
        int r;

        waits->served = wanted->place.key;
        if (!wanted->exit_code) {
                r = ask_sources(wanted);
                if (r < 0) {
                        fail(wanted, r);
                        return;
                }
                running = exit_code_running(wanted->exit_code);
                if (running && strcmp(running, wanted->id) == 0) {
                        wait_for_end(wanted);
                        return;
                }
                if (must_be_held(waits)) {
                        set_state(wanted, WANTED_HELD);
                        return;
                }
        }
        ask_history(wanted);
}

/* One slice. Returns 1 when all there is was looked at, or enough, or negative errno. */
static int run_question(Wanted *wanted)
{
        size_t bytes = 0, length;

        for (unsigned n = 0; n < RECORDS_PER_TURN && bytes < BYTES_PER_TURN; n++, bytes += length) {
                const EventFields *event;
                const char *line;
                int r;

                r = log_reader_next(wanted->reader, &line, &length);
                if (r < 0)
                        return r;
                if (r != 1)
                        return r == 0;
                r = record_parser_read(&wanted->waits->parser, line, length, &event);
                if (r >= 0)
                        r = exit_code_look_at(wanted->exit_code, event);
                if (r == -ENOMEM || r > 0)
                        return r;
        }

        return 0;
}

static void conclude(Wanted *wanted)
{
        const ExitCode *exit_code = wanted->exit_code;
        EventLog *log = wanted->waits->host->log;
        ExitCodeState state = exit_code_state(exit_code);

        if (state == EXIT_CODE_RUNNING)
                wait_for_end(wanted);
        else if (state != EXIT_CODE_KNOWN && exit_code_is_unrecorded(exit_code, log))
                set_state(wanted, WANTED_HELD);
        else
                set_state(wanted, WANTED_DONE);
}

static void look(ExecWaits *waits)
{
        Wanted *wanted;
        HeapItem *first;
        int r;

        for (unsigned n = 0; n < STARTS_PER_TURN && waits->n_asked < QUESTIONS_MAX &&
                             (first = heap_first(&waits->queued));
             n++)
                start(HEAP_OF(first, Wanted, place));

        wanted = TAILQ_FIRST(waits->lists + WANTED_ASKED);
        if (!wanted)
                return;
        r = run_question(wanted);
        if (r < 0) {
                log_warning("A question cannot be answered: %s.", strerror(-r));
                fail(wanted, r);
        } else if (r > 0) {
                conclude(wanted);
        } else {
                TAILQ_REMOVE(waits->lists + WANTED_ASKED, wanted, list);
                TAILQ_INSERT_TAIL(waits->lists + WANTED_ASKED, wanted, list);
        }
}

/* ---- answers ---- */

/* Errors are the caller's: he is not there any more. */
static void answer(Waiter *waiter)
{
        const Wanted *wanted = waiter->what;

        if (!wanted->exit_code)
                sd_bus_reply_method_errorf(waiter->call, CE_ERROR_LOG_UNAVAILABLE,
                                           "The history cannot be read: %s.",
                                           strerror(-wanted->error));
        else if (wanted->ran && exit_code_state(wanted->exit_code) == EXIT_CODE_NONE)
                sd_bus_reply_method_errorf(waiter->call, CE_ERROR_EXIT_CODE_UNKNOWN,
                                           "The end of the exec session \"%.*s\" is lost.",
                                           SHOWN(wanted->id));
        else
                exit_code_answer(wanted->exit_code, waiter->call);
        release(waiter);
}

static void answer_late(Waiter *waiter)
{
        const Wanted *wanted = waiter->what;

        sd_bus_reply_method_errorf(waiter->call, CE_ERROR_TIMED_OUT,
                                   "The exec session \"%.*s\" had not ended when the time was up.",
                                   SHOWN(wanted->id));
        release(waiter);
}

/* Returns false if there may be more to answer. */
static bool answer_some(ExecWaits *waits)
{
        unsigned n = 0;
        Waiter *waiter;
        Wanted *done;

        /* By turns: behind the thousands that wait for one there may be one who waits for another.
         */
        for (; n < ANSWERS_PER_TURN && (done = TAILQ_FIRST(waits->lists + WANTED_DONE)); n++) {
                TAILQ_REMOVE(waits->lists + WANTED_DONE, done, list);
                TAILQ_INSERT_TAIL(waits->lists + WANTED_DONE, done, list);
                answer(TAILQ_FIRST(&done->waiters));
        }

        /* Nobody is told that nothing has ended while there may be an end to be read. */
        for (; n < ANSWERS_PER_TURN && !waits->is_behind &&
               (waiter = waiters_expired(waits->waiters));
             n++)
                answer_late(waiter);

        return n < ANSWERS_PER_TURN;
}

static bool has_work(const ExecWaits *waits)
{
        return waits->is_behind || heap_first(&waits->queued) ||
               !TAILQ_EMPTY(waits->lists + WANTED_ASKED) ||
               !TAILQ_EMPTY(waits->lists + WANTED_DONE);
}

static void on_turn(void *userdata)
{
        ExecWaits *waits = userdata;
        bool all_answered;

        /* What is not written yet takes memory; who waits can wait. */
        if (outbox_is_full(waits->outbox)) {
                outbox_wait(waits->outbox, &waits->turn);
                return;
        }

        if (waits->follow)
                catch_up(waits);
        look(waits);
        all_answered = answer_some(waits);

        if (TAILQ_EMPTY(waits->lists + WANTED_RUNS)) {
                waits->follow = log_reader_free(waits->follow);
                waits->is_behind = false;
        }
        if (!all_answered || has_work(waits))
                turn_schedule(&waits->turn);
}

/* ---- all of them ---- */

static void on_left(Waiter *waiter, void *userdata)
{
        release(waiter);
}

static void on_expired(void *userdata)
{
        ExecWaits *waits = userdata;

        turn_schedule(&waits->turn);
}

static int make_parts(ExecWaits *waits)
{
        const WaitersHandlers handlers = {
                .left = on_left,
                .expired = on_expired,
                .userdata = waits,
        };
        const char *const terms[] = { "type=container", "event=exec_died", NULL };
        char message[FILTER_MESSAGE_SIZE];
        sd_id128_t random;
        int r;

        for (unsigned i = 0; i < N_STATES; i++)
                TAILQ_INIT(waits->lists + i);
        r = sd_id128_randomize(&random);
        if (r < 0)
                return r;
        memcpy(&waits->seed, random.bytes, sizeof(waits->seed));
        if ((r = filter_new(terms, &waits->filter, message)) < 0 ||
            (r = turn_init(&waits->turn, waits->host->loop, on_turn, waits)) < 0)
                return r;
        return waiters_new(waits->host->loop, outbox_bus(waits->outbox), &handlers,
                           &waits->waiters);
}

int exec_waits_new(const BusHost *host, Outbox *outbox, ExecWaits **ret)
{
        _cleanup_(exec_waits_freep) ExecWaits *waits = NULL;
        int r;

        waits = calloc(1, sizeof(ExecWaits));
        if (!waits)
                return -ENOMEM;
        waits->host = host;
        waits->outbox = outbox;
        r = make_parts(waits);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(waits);
        return 0;
}

/* The last of its waiters takes it with it. */
static void abandon(Wanted *wanted)
{
        bool last;

        do {
                last = !TAILQ_NEXT(TAILQ_FIRST(&wanted->waiters), same);
                release(TAILQ_FIRST(&wanted->waiters));
        } while (!last);
}

ExecWaits *exec_waits_free(ExecWaits *waits)
{
        HeapItem *first;

        if (!waits)
                return NULL;

        outbox_forget(waits->outbox, &waits->turn);
        turn_done(&waits->turn);
        while ((first = heap_first(&waits->queued)))
                abandon(HEAP_OF(first, Wanted, place));
        for (unsigned i = 0; i < N_STATES; i++)
                while (waits->waiters && !TAILQ_EMPTY(waits->lists + i))
                        abandon(TAILQ_FIRST(waits->lists + i));
        waiters_free(waits->waiters);
        log_reader_free(waits->follow); /* its question has the filter */
        filter_free(waits->filter);
        heap_done(&waits->queued);
        record_parser_done(&waits->parser);
        free(waits);
        return NULL;
}

/* One that nobody waits for yet, in no state. */
static int wanted_new(ExecWaits *waits, const char *id, Wanted **ret)
{
        _cleanup_(wanted_freep) Wanted *wanted = NULL;

        wanted = calloc(1, sizeof(Wanted));
        if (!wanted)
                return -ENOMEM;
        wanted->waits = waits;
        TAILQ_INIT(&wanted->waiters);
        wanted->id = strdup(id);
        if (!wanted->id)
                return -ENOMEM;

        *ret = TAKE_PTR(wanted);
        return 0;
}

/* Lets a waiter, which it takes, wait for what has that ID. */
static int attach(ExecWaits *waits, Waiter *waiter, const char *id)
{
        _cleanup_(wanted_freep) Wanted *fresh = NULL;
        Wanted *wanted = find_wanted(waits, id);
        int r;

        if (!wanted) {
                if ((r = wanted_new(waits, id, &fresh)) < 0 ||
                    (r = enter_queue(fresh, waiter_place(waiter, waits->served))) < 0) {
                        waiter_free(waiter);
                        return r;
                }
                wanted = TAKE_PTR(fresh);
        }
        waiter->what = wanted;
        TAILQ_INSERT_TAIL(&wanted->waiters, waiter, same);
        return 1;
}

int exec_waits_add(ExecWaits *waits, sd_bus_message *call, uid_t uid, const char *id,
                   uint64_t timeout_usec, sd_bus_error *error)
{
        EventLog *log = waits->host->log;
        Waiter *waiter;
        int32_t code;
        int r;

        if (eventlog_exit_code(log, true, id, &code) > 0)
                return sd_bus_reply_method_return(call, "i", code);
        r = exit_code_check_id(id, error);
        if (r < 0)
                return r;
        if (eventlog_unavailable(log))
                return sd_bus_error_set(error, CE_ERROR_LOG_UNAVAILABLE, eventlog_unavailable(log));
        r = waiters_add(waits->waiters, call, uid, timeout_usec, &waiter, error);
        if (r < 0)
                return r;
        return attach(waits, waiter, id);
}

void exec_waits_committed(ExecWaits *waits)
{
        const EventLog *log = waits->host->log;
        uint64_t dropped_seq = eventlog_dropped_seq(log);
        Wanted *wanted;

        if (is_healthy(log) && eventlog_uncommitted(log) == 0) {
                while ((wanted = TAILQ_FIRST(waits->lists + WANTED_HELD)))
                        requeue(wanted);
                if (dropped_seq > waits->dropped_seq)
                        look_again(waits);
                waits->dropped_seq = dropped_seq;
        }
        if (waits->follow) {
                waits->is_behind = true;
                turn_schedule(&waits->turn);
        }
}
