/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One start of a unit that is to be: for one event, or for several that were coalesced. It is owned
 * by the starter from starter_add() on.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "headway.h"

typedef struct StartRequest StartRequest;
typedef struct StartOwner StartOwner;

/* Who wants it, and hears what becomes of it. */
struct StartOwner {
        /* It is about to be asked for: note it, and store it when commit() is called next, before
         * which nothing is asked. */
        void (*intend)(StartOwner *o, const StartRequest *request, const Intent *intent);
        void (*commit)(StartOwner *o);

        /* The end: 0 when systemd has taken it, or its refusal, with its sentence or "". */
        void (*over)(StartOwner *o, const StartRequest *request, int result, const char *sentence);
};

struct StartRequest {
        StartRequest *next; /* for the same file, later */
        StartOwner *owner;  /* NULL: nobody wants it any more */
        uint64_t token;     /* the owner's name for it */
        char *unit;         /* owned */
        char *file;         /* owned; the name of its environment file */
        char *text;         /* owned; the contents of that */

        /* It may have been started already, by what the intent says of that time. */
        bool unsure;
        Intent intent;

        unsigned n_attempts;
};

StartRequest *start_request_free(StartRequest *r);

static inline void start_request_freep(StartRequest **r)
{
        start_request_free(*r);
}
