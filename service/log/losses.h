/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Losses: events that got a number and could not be recorded, gathered until the history can be
 * written again and says it. Those of one source come together, for the event "lost" then carries
 * the place where the source goes on. Gathering takes no memory, or a shortage of it would lose
 * what was lost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/record.h"
#include "model/event.h"

/* More sources than there are kinds of; what exceeds them comes together in the last. */
#define LOSSES_MAX 8

/* An engine's name, as the callers of Emit may give it too. */
#define LOSS_ENGINE_SIZE 65

typedef struct Loss {
        char source[POSITION_SIZE];    /* "" for events without a position */
        char engine[LOSS_ENGINE_SIZE]; /* "" for several */
        const char *reason;            /* static */
        int error;                     /* why, beside that; 0: nothing */
        uint64_t first_seq, last_seq;
        uint64_t n_events; /* 0: not known */

        /* since <= time < until; 0: not known */
        uint64_t since_nsec, until_nsec;
} Loss;

typedef struct Losses {
        Loss losses[LOSSES_MAX];
        size_t n;
} Losses;

/* A record, without its "\n", that is dropped because of "error"; and its event, which may be NULL
 * if that cannot be had. */
void losses_add(Losses *losses, int error, uint64_t seq, const char *line, size_t length,
                const EventFields *event);

/* Numbers that may have been given before a crash: which of them, and to what, nobody knows. */
void losses_add_unknown(Losses *losses, uint64_t first_seq, uint64_t last_seq, uint64_t since_nsec,
                        uint64_t until_nsec);

/* Which numbers an event says are lost; false if it says nothing of the kind. */
bool loss_event_range(const EventFields *event, uint64_t *ret_first_seq, uint64_t *ret_last_seq);

/* The event that says it. Returns -ENOMEM. */
int loss_event_new(const Loss *loss, Event **ret);
