/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reads the history and follows it: every event once, in order, without a hole, whatever happens to
 * the service, to signals or to the history on the way. This is what org.containers.Events asks of
 * its readers under "to follow without a hole"; nothing else in this program has to know.
 *
 * It runs in the event loop that the bus is attached to and calls its handler from there. Where it
 * is can be had as a cursor at any time, and a later Follow can start from that.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "event.h"
#include "gate.h"

typedef struct Follow Follow;

typedef enum FollowStart {
        FOLLOW_TIME,   /* all events since since_nsec */
        FOLLOW_CURSOR, /* what comes after the cursor */
        FOLLOW_NOW,    /* what is recorded from now on */
} FollowStart;

/* What is known of live following, for the next connection: health checks' exec sessions, whose
 * ends need not be signalled, do not show up only because the history had to be asked. */
typedef struct FollowLive {
        bool is_quiet; /* the service does not signal them */
        bool begun;
        uint64_t last; /* then: the number of the last event before */
} FollowLive;

typedef struct FollowOptions {
        FollowStart start;
        const char *cursor; /* for FOLLOW_CURSOR; "" for the oldest event */

        uint64_t since_nsec;        /* the earliest time, included; 0 for no bound */
        uint64_t until_nsec;        /* the latest time, excluded; 0 for no bound */
        const char *const *filters; /* NULL-terminated; for the service to evaluate */

        /* Who follows from now on, or did and goes on from a cursor, does not want an engine's old
         * log, which the service records when it first finds the engine. */
        bool skips_backlog;

        /* This goes on after another connection that was cut: the service was there, so it is
         * waited for, and not started. */
        bool again;
        FollowLive live; /* then: of the Follow before */

        /* Questions wait here for those of others on this connection; must outlive the Follow.
         * NULL: they do not. */
        Gate *gate;

        /* Go on when all that is recorded was read, to the time of until_nsec if there is one. */
        bool follow;
} FollowOptions;

typedef enum FollowNotice {
        FOLLOW_EXPIRED, /* part of the history is gone; text is the service's sentence */
        FOLLOW_ABSENT,  /* the service left the bus and has not come back yet; text is "" */
        FOLLOW_BACK,    /* it came back; text is "" */
        FOLLOW_TROUBLE, /* the service could not answer, we go on trying; text is its sentence */
} FollowNotice;

/* All of them may free the Follow, and none is called after that. */
typedef struct FollowHandler {
        /* The next event, and the cursor right after it. A negative result ends following. */
        int (*event)(const Event *event, const char *cursor, void *userdata);

        /* Instead of that, if not NULL, an event as its line in the history, with its "\n", where
         * we have it so. */
        int (*line)(const char *line, size_t length, void *userdata);

        /* All up to this cursor was handed over, and there is nothing more at hand. */
        int (*pause)(const char *cursor, void *userdata);

        /* If not NULL: all that was recorded when we asked last was handed over; called again
         * whenever the history was asked again. */
        void (*caught_up)(void *userdata);

        void (*notice)(FollowNotice notice, const char *text, void *userdata);

        /* The end, once: 0 when all was read that was asked for, else negative. error is what the
         * service or the bus said, or unset. */
        void (*end)(int result, const sd_bus_error *error, void *userdata);
} FollowHandler;

/* The handler and the filters must outlive the object. On a failure that is known at once end() may
 * be called before this returns. */
int follow_new(sd_bus *bus, const FollowOptions *options, const FollowHandler *handler,
               void *userdata, Follow **ret);
Follow *follow_free(Follow *f);

/* The place behind all that was handed over, or NULL before the service has answered. */
const char *follow_cursor(const Follow *f);

FollowLive follow_live(const Follow *f);

static inline void follow_freep(Follow **f)
{
        follow_free(*f);
}
