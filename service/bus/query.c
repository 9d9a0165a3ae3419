/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/query.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/turn.h"
#include "bus/event.h"
#include "log/log-reader.h"
#include "log/record-parser.h"
#include "model/cursor.h"
#include "names.h"

/* Records, and bytes of them, looked at in one turn of the loop: some milliseconds. */
#define RECORDS_PER_TURN 500
#define BYTES_PER_TURN   (256 * 1024)

/* Calls that may be taken before a turn. Most of a flood are refused, which is quick, and behind
 * those of one user there may be another's. */
#define CALLS_PER_TURN 32

/* A page that is being filled. */
typedef struct Page {
        uint64_t since_nsec, until_nsec;
        Filter *filter;        /* owned */
        sd_bus_message *reply; /* owned */
        unsigned n_events;
        size_t size;
        uint64_t seq; /* the last event that was looked at */
        bool more;
} Page;

typedef struct Query {
        TAILQ_ENTRY(Query) queue;
        sd_bus_message *call; /* owned */
        uid_t uid;            /* who called */
        LogReader *reader;    /* owned */
        RecordParser *parser; /* weak: that of all queries */
        uint64_t end_seq;
        bool held; /* until what waited for the next commit, when it came, is committed */

        /* One of the two. */
        Page *page;          /* owned */
        ExitCode *exit_code; /* owned */
} Query;

struct Queries {
        EventLog *log;  /* weak */
        Outbox *outbox; /* weak */
        RecordParser parser;
        Turn turn;
        TAILQ_HEAD(, Query) queue;
        unsigned n;
        unsigned n_calls_first; /* before this turn */
};

/* ---- one query ---- */

static Page *page_free(Page *page)
{
        if (!page)
                return NULL;

        filter_free(page->filter);
        sd_bus_message_unref(page->reply);
        free(page);
        return NULL;
}

static Query *query_free(Query *query)
{
        if (!query)
                return NULL;

        log_reader_free(query->reader); /* its question has their filter */
        page_free(query->page);
        exit_code_free(query->exit_code);
        sd_bus_message_unref(query->call);
        free(query);
        return NULL;
}

DEFINE_CLEANUP(Page *, page_free)
DEFINE_CLEANUP(Query *, query_free)

/* Returns 1 when the page is full. */
static int page_add(Page *page, const EventFields *event)
{
        size_t size;
        int r;

        if (event->time_nsec < page->since_nsec ||
            (page->until_nsec > 0 && event->time_nsec >= page->until_nsec) ||
            !filter_matches(page->filter, event)) {
                page->seq = event->seq;
                return 0;
        }

        /* There is another one: the page ends before it. */
        size = bus_event_size(event);
        if (page->n_events >= PAGE_EVENTS_MAX ||
            (page->n_events > 0 && page->size + size > PAGE_SIZE_MAX)) {
                page->more = true;
                return 1;
        }
        r = bus_event_append(page->reply, event);
        if (r < 0)
                return r;

        page->n_events++;
        page->size += size;
        page->seq = event->seq;
        return 0;
}

static int page_send(Page *page, sd_id128_t epoch, Outbox *outbox)
{
        Cursor cursor = { .epoch = epoch, .seq = page->seq };
        char text[CURSOR_SIZE];
        int r;

        cursor_format(&cursor, text);
        if ((r = sd_bus_message_close_container(page->reply)) < 0 ||
            (r = sd_bus_message_append(page->reply, "sb", text, page->more)) < 0)
                return r;
        return outbox_send(outbox, page->reply, page->size, 0);
}

/* Returns 1 when nothing more needs to be looked at. */
static int query_look_at(Query *query, const char *line, size_t length)
{
        const EventFields *event;
        int r;

        r = record_parser_read(query->parser, line, length, &event);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        if (query->page)
                return page_add(query->page, event);
        return exit_code_look_at(query->exit_code, event);
}

/* All there was when the query came has been looked at, or ruled out. */
static int query_end(Query *query)
{
        if (query->page && query->page->seq < query->end_seq)
                query->page->seq = query->end_seq;
        return 1;
}

/*
 * What a page would go on with was removed between two slices. A reader of the log passes over
 * that, but who asked page by page must be told: the page ends, and its cursor has expired. Who
 * asked for the oldest gets what is the oldest now.
 */
static bool page_is_overtaken(const Query *query, EventLog *log)
{
        const uint64_t oldest = eventlog_oldest_seq(log);

        return query->page->seq > 0 && query->page->seq + 1 < oldest &&
               log_reader_segment(query->reader) < oldest;
}

/* One slice. Returns 1 when the query is through. */
static int query_run(Query *query, EventLog *log)
{
        size_t bytes = 0, length;

        if (query->page && page_is_overtaken(query, log)) {
                query->page->more = true;
                return 1;
        }
        for (unsigned n = 0; n < RECORDS_PER_TURN && bytes < BYTES_PER_TURN; n++, bytes += length) {
                const char *line;
                int r;

                if (log_reader_seq(query->reader) >= query->end_seq)
                        return query_end(query);
                r = log_reader_next(query->reader, &line, &length);
                if (r == LOG_READER_AGAIN)
                        return 0;
                if (r < 0)
                        return r;
                if (r == 0 || log_reader_seq(query->reader) > query->end_seq)
                        return query_end(query);
                r = query_look_at(query, line, length);
                if (r != 0)
                        return r;
        }

        return 0;
}

static int answer_exit_code(const Query *query, EventLog *log)
{
        const ExitCode *exit_code = query->exit_code;

        if (exit_code_state(exit_code) != EXIT_CODE_KNOWN && !exit_code_running(exit_code) &&
            exit_code_is_unrecorded(exit_code, log))
                return sd_bus_reply_method_errorf(query->call, CE_ERROR_LOG_UNAVAILABLE,
                                                  "What is known of it is not recorded yet: %s",
                                                  eventlog_failure(log));
        return exit_code_answer(exit_code, query->call);
}

static int query_answer(Query *query, const Queries *queries)
{
        if (query->page)
                return page_send(query->page, eventlog_epoch(queries->log), queries->outbox);
        return answer_exit_code(query, queries->log);
}

/* ---- all of them ---- */

/* Whether somebody calls, and that should be seen to first. */
static bool calls_come_first(Queries *queries)
{
        int n_bytes = 0;

        if (ioctl(sd_bus_get_fd(outbox_bus(queries->outbox)), SIOCINQ, &n_bytes) < 0 ||
            n_bytes == 0 || ++queries->n_calls_first > CALLS_PER_TURN) {
                queries->n_calls_first = 0;
                return false;
        }
        return true;
}

/* The next that can be worked on. */
static Query *next_query(const Queries *queries)
{
        Query *query;

        TAILQ_FOREACH(query, &queries->queue, queue)
        {
                if (!query->held)
                        return query;
        }
        return NULL;
}

static void on_turn(void *userdata)
{
        Queries *queries = userdata;
        Query *query = next_query(queries);
        int r;

        if (!query)
                return;
        if (calls_come_first(queries)) {
                turn_schedule(&queries->turn);
                return;
        }
        /* What is not written yet takes memory; the history can wait. */
        if (outbox_is_full(queries->outbox)) {
                outbox_wait(queries->outbox, &queries->turn);
                return;
        }

        TAILQ_REMOVE(&queries->queue, query, queue);
        r = query_run(query, queries->log);
        if (r == 0) {
                TAILQ_INSERT_TAIL(&queries->queue, query, queue);
        } else {
                if (r > 0)
                        r = query_answer(query, queries);
                if (r < 0) {
                        log_warning("A query cannot be answered: %s.", strerror(-r));
                        sd_bus_reply_method_errorf(query->call, CE_ERROR_LOG_UNAVAILABLE,
                                                   "The history cannot be read: %s.", strerror(-r));
                }
                query_free(query);
                queries->n--;
        }

        if (next_query(queries))
                turn_schedule(&queries->turn);
}

int queries_new(sd_event *loop, EventLog *log, Outbox *outbox, Queries **ret)
{
        _cleanup_(queries_freep) Queries *queries = NULL;
        int r;

        queries = calloc(1, sizeof(Queries));
        if (!queries)
                return -ENOMEM;
        queries->log = log;
        queries->outbox = outbox;
        TAILQ_INIT(&queries->queue);
        r = turn_init(&queries->turn, loop, on_turn, queries);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(queries);
        return 0;
}

Queries *queries_free(Queries *queries)
{
        Query *query;

        if (!queries)
                return NULL;

        outbox_forget(queries->outbox, &queries->turn);
        turn_done(&queries->turn);
        while ((query = TAILQ_FIRST(&queries->queue))) {
                TAILQ_REMOVE(&queries->queue, query, queue);
                query_free(query);
        }
        record_parser_done(&queries->parser);
        free(queries);
        return NULL;
}

static bool is_trusted(uid_t uid)
{
        return uid == 0 || uid == getuid();
}

static int refuse(unsigned n, const char *whose, sd_bus_error *error)
{
        return sd_bus_error_setf(error, CE_ERROR_LIMITS_EXCEEDED,
                                 "%u queries%s are being answered already: ask again later.", n,
                                 whose);
}

/* Whether a query counts against the same limit as a call. */
static bool is_of_same(const Query *query, uid_t uid, const char *sender)
{
        const char *other = sd_bus_message_get_sender(query->call);

        if (query->uid != uid)
                return false;
        return !is_trusted(uid) || (sender && other && strcmp(sender, other) == 0);
}

/* Whether the caller may ask for one more. */
static int check_limits(const Queries *queries, sd_bus_message *call, uid_t uid,
                        sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(call);
        unsigned n_of_same = 0, n_of_users = 0;
        const Query *query;

        TAILQ_FOREACH(query, &queries->queue, queue)
        {
                n_of_same += is_of_same(query, uid, sender);
                n_of_users += !is_trusted(query->uid);
        }

        if (queries->n >= QUERIES_MAX)
                return refuse(QUERIES_MAX, "", error);
        if (n_of_same >= QUERIES_OF_USER_MAX)
                return refuse(QUERIES_OF_USER_MAX, " of yours", error);
        if (!is_trusted(uid) && n_of_users >= QUERIES_OF_USERS_MAX)
                return refuse(QUERIES_OF_USERS_MAX, " of users", error);
        return 0;
}

static int query_new(Queries *queries, sd_bus_message *call, uid_t uid, const LogQuestion *question,
                     Query **ret, sd_bus_error *error)
{
        _cleanup_(query_freep) Query *query = NULL;
        int r;

        if (eventlog_unavailable(queries->log))
                return sd_bus_error_set(error, CE_ERROR_LOG_UNAVAILABLE,
                                        eventlog_unavailable(queries->log));
        r = check_limits(queries, call, uid, error);
        if (r < 0)
                return r;

        query = calloc(1, sizeof(Query));
        if (!query)
                return -ENOMEM;
        query->call = sd_bus_message_ref(call);
        query->uid = uid;
        query->parser = &queries->parser;
        query->end_seq = eventlog_newest_seq(queries->log);
        r = log_reader_new(queries->log, question, &query->reader);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(query);
        return 0;
}

/* Takes the query. */
static int enqueue(Queries *queries, Query *query)
{
        TAILQ_INSERT_TAIL(&queries->queue, query, queue);
        queries->n++;
        turn_schedule(&queries->turn);
        return 1;
}

static int page_new(sd_bus_message *call, uint64_t after, Page **ret)
{
        _cleanup_(page_freep) Page *page = NULL;
        int r;

        page = calloc(1, sizeof(Page));
        if (!page)
                return -ENOMEM;
        page->seq = after;
        if ((r = sd_bus_message_new_method_return(call, &page->reply)) < 0 ||
            (r = sd_bus_message_open_container(page->reply, 'a', CE_EVENT_SIGNATURE)) < 0)
                return r;

        *ret = TAKE_PTR(page);
        return 0;
}

int queries_page(Queries *queries, sd_bus_message *call, uid_t uid, uint64_t after,
                 uint64_t since_nsec, uint64_t until_nsec, Filter *filter, sd_bus_error *error)
{
        _cleanup_(filter_freep) Filter *owned = filter;
        _cleanup_(query_freep) Query *query = NULL;
        int r;

        r = query_new(queries, call, uid,
                      &(LogQuestion){
                              .after_seq = after,
                              .since_nsec = since_nsec,
                              .until_nsec = until_nsec,
                              .filter = owned,
                      },
                      &query, error);
        if (r < 0)
                return r;
        r = page_new(call, after, &query->page);
        if (r < 0)
                return r;
        query->page->since_nsec = since_nsec;
        query->page->until_nsec = until_nsec;
        query->page->filter = TAKE_PTR(owned);

        return enqueue(queries, TAKE_PTR(query));
}

/* An end that a source saw is appended, and the commit follows at once, unless it fails. */
static bool must_be_held(const Queries *queries, const BusHost *host, ExitCodeKind kind)
{
        return kind == EXIT_CODE_EXEC && host->exec_running &&
               eventlog_uncommitted(queries->log) > 0 && *eventlog_failure(queries->log) == '\0';
}

void queries_committed(Queries *queries)
{
        Query *query;

        if (eventlog_uncommitted(queries->log) > 0 && *eventlog_failure(queries->log) == '\0')
                return;
        TAILQ_FOREACH(query, &queries->queue, queue)
        {
                if (query->held) {
                        query->held = false;
                        query->end_seq = eventlog_newest_seq(queries->log);
                        turn_schedule(&queries->turn);
                }
        }
}

int queries_exit_code(Queries *queries, const BusHost *host, sd_bus_message *call, uid_t uid,
                      ExitCodeKind kind, const char *id, sd_bus_error *error)
{
        _cleanup_(query_freep) Query *query = NULL;
        _cleanup_(exit_code_freep) ExitCode *exit_code = NULL;
        int32_t code;
        int r;

        if (eventlog_exit_code(queries->log, kind == EXIT_CODE_EXEC, id, &code) > 0)
                return sd_bus_reply_method_return(call, "i", code);
        if ((r = exit_code_check_id(id, error)) < 0 ||
            (r = exit_code_new(kind, id, &exit_code)) < 0 ||
            (r = exit_code_ask_running(exit_code, host)) < 0)
                return r;
        r = query_new(queries, call, uid,
                      &(LogQuestion){ .filter = exit_code_filter(exit_code), .exits = true },
                      &query, error);
        if (r < 0)
                return r;
        if (!exit_code_filter(exit_code))
                return exit_code_answer(exit_code, call);
        query->exit_code = TAKE_PTR(exit_code);
        query->held = must_be_held(queries, host, kind);

        return enqueue(queries, TAKE_PTR(query));
}
