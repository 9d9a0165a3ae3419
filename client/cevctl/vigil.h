/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An event loop with a connection to the bus, for as long as somebody follows or waits: what ends
 * it (a signal, a reader that has gone, a deadline), and what does not (a connection that was cut
 * is made again).
 */

#include <stdbool.h>
#include <stdint.h>

#include <containers-events.h>

#include "command.h"

typedef struct Vigil Vigil;

typedef struct VigilOptions {
        /* The exit status is the answer that somebody waits for. So a signal must not look like
         * one: it kills, as if nobody had caught it, and a reader that has gone does the same.
         * Otherwise they are how this ends, and the status is good. */
        bool is_wait;

        uint64_t timeout_usec; /* UINT64_MAX for none */
        const char *late;      /* the sentence after that */
        const char *what;      /* "s of waiting for ...": told on a terminal; NULL for nothing */
} VigilOptions;

typedef struct VigilHandler {
        /* There is a client in the loop, whose connection is made again by itself. */
        int (*subscribe)(Vigil *v, cev_client *client, void *userdata);

        /* Or, if that is NULL: there is a connection, the first one or another one, attached to the
         * loop. */
        int (*begin)(Vigil *v, sd_bus *bus, void *userdata);

        /* It goes: let go of all that hangs on it. Called after each of those. */
        void (*end)(void *userdata);
} VigilHandler;

/* Returns the exit status; what went wrong was printed then. */
int vigil_run(const Context *c, const VigilOptions *options, const VigilHandler *handler,
              void *userdata);

/* These are for callbacks of the loop; the connection goes after the callback has returned. */

void vigil_finish(Vigil *v, int status);

/* The connection was cut: another one, please. */
void vigil_reconnect(Vigil *v);

/* The service has said that what is waited for is not there yet. Until then the deadline leaves it
 * some more time to answer, so that even who does not wait at all learns of what is there. */
void vigil_answered(Vigil *v);

/* The time is over. */
void vigil_time_out(Vigil *v);

/* What is left of the time, at least 1; UINT64_MAX for no limit. */
uint64_t vigil_time_left(const Vigil *v);

/* Wipes what the terminal shows, before something else is written. */
void vigil_clear(Vigil *v);
