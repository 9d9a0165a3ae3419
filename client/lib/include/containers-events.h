/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINERS_EVENTS_H
#define CONTAINERS_EVENTS_H

/*
 * libcontainers-events: what happens to containers on this host, heard from containers-eventsd
 * over D-Bus (org.containers.Events), every event once, in order and without a hole.
 *
 * Conventions
 *   - Functions return a negative errno on failure, else 0 or what they say. Outputs come last and
 *     are untouched on failure. "sd_bus_error *ret_error" may be NULL; it gets the sentence of the
 *     service or of the bus, and is freed with sd_bus_error_free().
 *   - "const char *" that is returned is borrowed from the object it was asked of, and lives as
 *     long as that; "char **ret" is the caller's, to be freed with free().
 *   - Objects are counted references. A callback may drop any, also the last one of the object it
 *     was called for; it is called no more then. It gets its cev_event borrowed: cev_event_ref()
 *     keeps it.
 *   - Texts that are given must be valid UTF-8: -EINVAL.
 *   - Times are nanoseconds since the epoch (CLOCK_REALTIME), timeouts microseconds.
 *   - Not thread-safe: an object belongs to the thread that made it, as sd_bus and sd_event do.
 *
 * Errors of the service, as errnos
 *   -EINVAL     InvalidFilter, InvalidTime, InvalidArgs: the sentence names the value
 *   -ESTALE     CursorExpired: what follows the cursor is not kept any more
 *   -ESRCH      NoSuchExec, NoSuchContainer
 *   -EBUSY      ExecRunning: it has not ended yet
 *   -ENODATA    ExitCodeUnknown: it has ended, with a code that nobody knows
 *   -ETIMEDOUT  TimedOut: it has not ended in that time
 *   -EDQUOT     LimitsExceeded, of the service or the bus: ask for less at once, or later
 *   -EACCES     NotAuthorized, AccessDenied: root and the group containers-events may
 *   -ENOTRECOVERABLE  LogUnavailable: the history cannot be read or written now
 *   -EHOSTUNREACH     the service is not on the bus and could not be started
 *   -ECONNRESET       it left the bus before it answered: nobody knows whether it was done
 *   -ENOTCONN         the connection is cut
 *
 * What is only asked is asked again, for some 13 s, over a restart of the service and
 * LimitsExceeded.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cev_client cev_client;
typedef struct cev_event cev_event;
typedef struct cev_subscription cev_subscription;
typedef struct cev_query cev_query;
typedef struct cev_exec_wait cev_exec_wait;

/* ---- client: a connection to the bus, and a loop ---- */

/* On a connection of its own, which is made again when the bus goes (subscriptions go on then,
 * without a hole): to the system bus, or to the user's. A bus that cannot be reached now is an
 * error here only; later it is tried for until it is back. */
int cev_client_open_system(cev_client **ret);
int cev_client_open_user(cev_client **ret);

/* On the caller's connection, of which it keeps a reference. When that goes, subscriptions end with
 * -ENOTCONN, and a new client goes on from their cursors. If the connection is attached to an event
 * loop before the first subscription, that is the client's, too; if not, the client attaches it. */
int cev_client_new(sd_bus *bus, cev_client **ret);

cev_client *cev_client_ref(cev_client *c);
cev_client *cev_client_unref(cev_client *c); /* NULL is allowed; returns NULL */

/* By default the client has a loop of its own, run by cev_client_run(). This uses another one
 * instead, which its owner runs; before the first subscription or wait. -EBUSY after that, or if
 * the caller's connection is attached to another loop. */
int cev_client_attach_event(cev_client *c, sd_event *loop);

/* Borrowed. The bus is NULL while a connection of the client's own is cut, and another one after
 * that. */
sd_event *cev_client_get_event(const cev_client *c);
sd_bus *cev_client_get_bus(const cev_client *c);

/* Waits for something to happen and does it: positive if something was done, 0 if nothing happened
 * in timeout_usec (UINT64_MAX: no limit). Only with the client's own loop, and not from a callback
 * (-EBUSY otherwise). */
int cev_client_run(cev_client *c, uint64_t timeout_usec);

/* For other loops (poll, GLib, libuv): readable when cev_client_run(c, 0) has something to do.
 * Before each wait for it, call that until it returns 0. -EBUSY with a loop that is not the
 * client's own. */
int cev_client_get_fd(const cev_client *c);

/* ---- events: never changed, whoever holds a reference may read ---- */

cev_event *cev_event_ref(cev_event *e);
cev_event *cev_event_unref(cev_event *e); /* NULL is allowed; returns NULL */

/* "container", "died", ... the words are those of the D-Bus interface. Never NULL; "" where it does
 * not apply. All are valid UTF-8; none was ever checked for what a shell or a file name would do
 * with it: names, images and labels are the words of whoever started the container. */
const char *cev_event_get_type(const cev_event *e);
const char *cev_event_get_status(const cev_event *e);
const char *cev_event_get_id(const cev_event *e);
const char *cev_event_get_name(const cev_event *e);
const char *cev_event_get_image(const cev_event *e);
const char *cev_event_get_engine(const cev_event *e);
uint64_t cev_event_get_time_nsec(const cev_event *e);
uint64_t cev_event_get_seq(const cev_event *e);

/* The place in the history right behind this event: to go on from there later. */
const char *cev_event_get_cursor(const cev_event *e);

/* NULL where it does not apply. */
const char *cev_event_get_exec_id(const cev_event *e);
const char *cev_event_get_pod_id(const cev_event *e);
const char *cev_event_get_network(const cev_event *e);
const char *cev_event_get_health_status(const cev_event *e);
const char *cev_event_get_error(const cev_event *e);
const char *cev_event_get_reason(const cev_event *e);
const char *cev_event_get_evidence(const cev_event *e);

/* -ENODATA where there is none: a container that was started has no exit code, not 0. */
int cev_event_get_exit_code(const cev_event *e, int *ret);
int cev_event_get_uid(const cev_event *e, uid_t *ret);

bool cev_event_is_oom_killed(const cev_event *e);
bool cev_event_is_synthetic(const cev_event *e);
bool cev_event_is_backlog(const cev_event *e);
bool cev_event_is_truncated(const cev_event *e);
bool cev_event_is_unrecorded(const cev_event *e); /* the disk is full: published, recorded later */

/* Any other detail that an engine, or who emitted it, added; as text, JSON where it is no string.
 * NULL if there is none of that name. */
const char *cev_event_get_detail(const cev_event *e, const char *key);

/* Labels, sorted by key. The value of one or NULL; or by index, -ENOENT behind the last. */
const char *cev_event_get_label(const cev_event *e, const char *key);
int cev_event_get_label_at(const cev_event *e, size_t i, const char **ret_key,
                           const char **ret_value);

/* One line of JSON without "\n", all of the event, as "cevctl events --format=json" prints it. */
int cev_event_to_json(const cev_event *e, char **ret);

/* ---- subscription: what happens from some place on, without a hole ---- */

/* After each of these it goes on. The text is what the service said, or "". */
typedef enum cev_notice {
        CEV_NOTICE_EXPIRED = 1, /* part of the history was gone unread; the text says which */
        CEV_NOTICE_ABSENT = 2,  /* the service left the bus, and has been away for a while */
        CEV_NOTICE_BACK = 3,    /* it came back */
        CEV_NOTICE_TROUBLE = 4, /* it cannot answer, and is asked again; the text says why */
} cev_notice;

/* The next event. 0 to go on; 1: that was the last one wanted, end with 0; negative: end with it,
 * as if this event had not been handed over. */
typedef int (*cev_event_handler)(cev_subscription *s, cev_event *e, void *userdata);

/* Nothing more is at hand, or a lot was handed over: a good moment to store the cursor. Returns as
 * above. */
typedef int (*cev_idle_handler)(cev_subscription *s, void *userdata);

/* The history was read up to where it ended when it was asked. May come again. */
typedef void (*cev_caught_up_handler)(cev_subscription *s, void *userdata);

typedef void (*cev_notice_handler)(cev_subscription *s, cev_notice notice, const char *text,
                                   void *userdata);

/* The end, once: 0, what a handler returned, or an error as above. error is never NULL, and unset
 * if nobody said anything. Not called for a subscription that was dropped. */
typedef void (*cev_end_handler)(cev_subscription *s, int result, const sd_bus_error *error,
                                void *userdata);

/* A subscription to what is recorded from now on; the functions below change that before it is
 * started (-EBUSY after that). (dbus-daemon lets a connection have 512 match rules, of which each
 * takes two: for more than 200 of them take several clients.) */
int cev_subscription_new(cev_client *c, cev_subscription **ret);
cev_subscription *cev_subscription_ref(cev_subscription *s);
cev_subscription *cev_subscription_unref(cev_subscription *s); /* NULL is allowed */

/* "KEY=VALUE" or "KEY!=VALUE", as in the D-Bus interface: the same key twice is either, different
 * keys are both. The service evaluates and checks them: a bad one ends the subscription. */
int cev_subscription_add_filter(cev_subscription *s, const char *filter);

/* Start behind a cursor that an event or a subscription gave ("": at the oldest event kept), or at
 * a time (0: there, too). Behind a cursor that has expired it goes on with the oldest event kept,
 * after a notice. With both, only what is behind the cursor and not before the time. */
int cev_subscription_set_cursor(cev_subscription *s, const char *cursor);
int cev_subscription_set_since(cev_subscription *s, uint64_t since_nsec);

/* End by itself: when only events of that time or later can come; or, with false, where the history
 * ends now (that begins at the oldest event kept, if nothing else is said). */
int cev_subscription_set_until(cev_subscription *s, uint64_t until_nsec);
int cev_subscription_set_follow(cev_subscription *s, bool follow);

/* Whether events are wanted that an engine's own old log had when the service first found it.
 * By default yes with a cursor or a time, no from now on. */
int cev_subscription_set_backlog(cev_subscription *s, bool backlog);

int cev_subscription_set_idle_handler(cev_subscription *s, cev_idle_handler handler);
int cev_subscription_set_caught_up_handler(cev_subscription *s, cev_caught_up_handler handler);
int cev_subscription_set_notice_handler(cev_subscription *s, cev_notice_handler handler);
int cev_subscription_set_end_handler(cev_subscription *s, cev_end_handler handler);

/* Begins. All handlers get the same userdata, and are called from the loop alone. */
int cev_subscription_start(cev_subscription *s, cev_event_handler handler, void *userdata);

/* The place behind all events whose handler has returned 0 or 1; -ENODATA before the service has
 * answered. Borrowed, until the next handler is called. */
int cev_subscription_get_cursor(const cev_subscription *s, const char **ret);

/* ---- query: what is recorded, one event after the other ---- */

int cev_query_new(cev_client *c, cev_query **ret);
cev_query *cev_query_ref(cev_query *q);
cev_query *cev_query_unref(cev_query *q); /* NULL is allowed */

/* As of a subscription. Without a cursor or a time: from the oldest event kept. */
int cev_query_add_filter(cev_query *q, const char *filter);
int cev_query_set_cursor(cev_query *q, const char *cursor);
int cev_query_set_since(cev_query *q, uint64_t since_nsec);
int cev_query_set_until(cev_query *q, uint64_t until_nsec);

/* 1 and the next event, which is the caller's to unref; 0 behind the last one, or an error, after
 * which it may be tried again. Blocks while the service is asked for a page. */
int cev_query_next(cev_query *q, cev_event **ret, sd_bus_error *ret_error);

/* The place behind the last event that was given; after the end, behind all that were searched.
 * Borrowed, until the next event is asked for. */
int cev_query_get_cursor(const cev_query *q, const char **ret);

/* The place where the history ends now, to be freed with free(): whoever takes it, starts something
 * and subscribes behind it misses nothing of that. Blocks. */
int cev_get_cursor(cev_client *c, char **ret, sd_bus_error *ret_error);

/* The one event with that number; -ENOENT if there is none (any more, or yet). Blocks. */
int cev_get_event(cev_client *c, uint64_t seq, cev_event **ret, sd_bus_error *ret_error);

/* ---- exit codes ---- */

/* The ID in full, or a prefix of at least 12 digits that only one has. These block. */
int cev_exec_exit_code(cev_client *c, const char *id, int *ret, sd_bus_error *ret_error);
int cev_container_exit_code(cev_client *c, const char *id, int *ret, sd_bus_error *ret_error);

/* The code once the exec session has ended: result 0, or an error as above; once, from the loop.
 * Survives restarts of the service and, on a connection of the client's own, of the bus.
 * timeout_usec 0: no limit. (dbus-daemon lets a connection have 128 of these at once.) */
typedef void (*cev_exec_wait_handler)(cev_exec_wait *w, int result, int exit_code,
                                      const sd_bus_error *error, void *userdata);
int cev_exec_wait_new(cev_client *c, const char *id, uint64_t timeout_usec,
                      cev_exec_wait_handler handler, void *userdata, cev_exec_wait **ret);
cev_exec_wait *cev_exec_wait_ref(cev_exec_wait *w);
cev_exec_wait *cev_exec_wait_unref(cev_exec_wait *w); /* NULL is allowed; stops waiting */

/* ---- emit: for what has no source of its own in the service; root only on the system bus ---- */

typedef struct cev_emission {
        const char *type;     /* one of the interface's types */
        const char *status;   /* not "" */
        const char *engine;   /* who tells it: 1 to 64 letters, digits, "-", "_" or "." */
        const char *id;       /* NULL is "", here and below */
        const char *name;     /* of the object */
        const char *image;    /* of a container */
        uint64_t time_nsec;   /* 0: now */
        const int *exit_code; /* NULL: none */

        /* KEY, VALUE, KEY, VALUE, ..., NULL; NULL: none. All are texts; of the details that the
         * interface has as a number or a truth ("uid", "oom_killed", ...), "1000" or "true". */
        const char *const *details;
        const char *const *labels;
} cev_emission;

/* Returns when the event is recorded; its number, if wanted (ret_seq may be NULL). Blocks. */
int cev_emit(cev_client *c, const cev_emission *emission, uint64_t *ret_seq,
             sd_bus_error *ret_error);

/* ---- for __attribute__((cleanup)) ---- */

#define CEV_DEFINE_CLEANUP(type)                                                                   \
        static inline void type##_unrefp(type **object)                                            \
        {                                                                                          \
                if (*object)                                                                       \
                        type##_unref(*object);                                                     \
        }

CEV_DEFINE_CLEANUP(cev_client)
CEV_DEFINE_CLEANUP(cev_event)
CEV_DEFINE_CLEANUP(cev_subscription)
CEV_DEFINE_CLEANUP(cev_query)
CEV_DEFINE_CLEANUP(cev_exec_wait)

#ifdef __cplusplus
}
#endif

#endif
