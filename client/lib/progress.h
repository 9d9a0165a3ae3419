/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How far a reader of the history has come, and what that means for a signal or a page that has
 * just come in: pure bookkeeping, without a bus, so that it can be tested by itself.
 *
 * A signal is only a hint that there is an event with that number. The number that follows the last
 * one can be taken straight from the signal; a greater one means that something is missing, so the
 * history must be asked; any other one is known already. A signal may say how many events right
 * before its own are not signalled: they are not missing.
 *
 * While the service cannot write, its signals are of events that the history does not have yet.
 * They keep their numbers, so those that come one after the other are done as they come. Where one
 * is missing there is nobody to ask for it until the history is written again.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
        char *cursor;    /* owned; the place behind all that is done, NULL before the first page */
        char *epoch;     /* owned; of the cursor, or NULL if the cursor has a form unknown to us */
        uint64_t last;   /* number of the last event that is done; 0 for none */
        uint64_t heard;  /* the greatest number that a signal had; 0 for none */
        uint64_t ahead;  /* the greatest number of a signal whose event is not recorded yet */
        bool ask_always; /* the reader has filters, which only the service can evaluate */
} Progress;

typedef enum Step {
        STEP_IGNORE,  /* nothing to do */
        STEP_DELIVER, /* the event in the signal comes next */
        STEP_ASK,     /* ask for what comes after the cursor */
        STEP_REST,    /* ask, but not at once: the last answer was no progress */
        STEP_WAIT,    /* ask, but not at once: what comes next is not recorded yet */
} Step;

/* Takes the place after which to go on: a cursor, "" for the oldest event, or NULL to ask by time.
 */
int progress_init(Progress *p, const char *cursor, bool ask_always);
void progress_done(Progress *p);

/* The owner of the name changed: its numbers are heard anew. */
void progress_new_owner(Progress *p);

/* Go on after another place: "" after the history that we followed, or that part of it, is gone. */
int progress_start(Progress *p, const char *cursor);

/* A signal has come, and so many events before it are not signalled. For STEP_DELIVER, call
 * progress_delivered() once that is done. */
Step progress_heard(Progress *p, uint64_t seq, uint64_t n_unsignalled);

/* One has come whose event is not recorded yet. For STEP_DELIVER as above. */
Step progress_heard_unrecorded(Progress *p, uint64_t seq, uint64_t n_unsignalled);

/* Whether that event comes next. */
bool progress_is_next(const Progress *p, uint64_t seq, uint64_t n_unsignalled);

/* Nobody wants what lies before that event, which is not recorded yet. */
int progress_skip_to(Progress *p, uint64_t seq);

/* The event that came next is done. */
int progress_delivered(Progress *p, uint64_t seq);

/* A page is done. Sets what is next: STEP_ASK or STEP_REST for more, STEP_WAIT, or STEP_IGNORE at
 * the end. */
int progress_page(Progress *p, const char *cursor, bool more, Step *ret_next);
