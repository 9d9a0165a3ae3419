/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How far a trigger has come in the history: a cursor behind which everything that matched is dealt
 * with, and of what follows that which is, too. Events are dealt with out of order: one waits until
 * its unit has ended, and those after it, for other units, do not.
 *
 * Before systemd is asked to start a unit, an intent is stored: if we are killed in between, it
 * says for the next of us which event may have been started already, and how to find out.
 *
 * Memory only; state-folder.h stores it. What lies between events that follow each other here is
 * what the trigger's filters leave out.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "rate-limit.h"

/* So many stretches of events are told apart; the history keeps the others until there is room. */
#define HEADWAY_ENTRIES_MAX 256

typedef struct Headway Headway;

/* A start that systemd is about to be asked for. */
typedef struct Intent {
        sd_id128_t boot;   /* of the machine */
        sd_id128_t before; /* the unit's invocation until then, or null */
        uint64_t usec;     /* when, CLOCK_REALTIME */
} Intent;

int headway_new(Headway **ret);
Headway *headway_free(Headway *p);

static inline void headway_freep(Headway **p)
{
        headway_free(*p);
}

/* The cursor to go on from after a start: "" is the oldest event, NULL that nothing is known yet.
 */
const char *headway_get_cursor(const Headway *p);

/*
 * The next event. A token other than 0 stands for the start that it leads to, and may stand for
 * more events; with 0 it leads to none, and is dealt with. The event of another history than the
 * one before makes all that was known of that void, but for the time up to which events were met.
 */
int headway_take(Headway *p, uint64_t seq, const char *cursor, uint64_t token);

/* What was known of an event before the daemon was started. */
typedef enum HeadwayKnown {
        HEADWAY_NEW,
        HEADWAY_PASSED, /* the rate limit, and no more */
        HEADWAY_INTENDED,
        HEADWAY_DONE,
} HeadwayKnown;

/* "usec" is when it happened. The intent is set with HEADWAY_INTENDED alone. */
HeadwayKnown headway_ask(const Headway *p, uint64_t seq, const char *cursor, uint64_t usec,
                         Intent *ret);

/* What happened before that time was met. Another history may have it again, under other numbers:
 * after a power cut the journal's does (containers-eventsd(8)). */
void headway_set_met(Headway *p, uint64_t usec);

/* Nothing that matches lies before that cursor, but what was taken. */
int headway_advance(Headway *p, const char *cursor);

/* What a token stands for is about to be started, for the last of its events, or dealt with. */
void headway_intend(Headway *p, uint64_t token, const Intent *intent);
void headway_done(Headway *p, uint64_t token);

/* The trigger's rate limit, which is stored together with the place up to which it counted. */
RateLimit *headway_get_limit(Headway *p);

bool headway_is_full(const Headway *p);
unsigned headway_n_entries(const Headway *p);

/* The text of all of it, and back: -EBADMSG for what is none of ours. */
int headway_to_text(const Headway *p, char **ret);
int headway_from_text(const char *text, Headway **ret);
