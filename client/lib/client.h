/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a cev_client: a connection, a loop, and the members, which are what hangs on the
 * connection for longer than a call. When a connection of our own is cut, each member lets go of
 * it; when there is another one, each begins anew where it was. Both it is told from the loop, so
 * never while a member does something.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "backoff.h"
#include "containers-events.h"
#include "gate.h"

typedef struct Member Member;

/* A part of a subscription or a wait, which holds a reference to the client. */
struct Member {
        /* There is a connection, attached to the loop. May be told of the end of the member. */
        void (*begin)(Member *m, sd_bus *bus);

        /* It was cut: let go of all that hangs on it. Must not call anybody. */
        void (*cut)(Member *m);

        Member *next;
        Member **back; /* what points to this one; NULL outside of all lists */
};

struct cev_client {
        unsigned n_ref;
        bool own_bus;  /* made again when it is cut */
        bool user;     /* then: to which bus */
        bool own_loop; /* run by cev_client_run() */
        bool settled;  /* bus and loop belong together, for good */
        bool attached; /* the bus to the loop, by us */

        sd_bus *bus;    /* owned; NULL while the connection is cut */
        sd_event *loop; /* owned */
        sd_bus_slot *disconnected;
        Backoff backoff;         /* before a connection is made again */
        uint64_t connected_usec; /* CLOCK_MONOTONIC */

        Member *live;             /* begun on this connection */
        Member *waiting;          /* to begin */
        sd_event_source *joining; /* when there is a connection for them */
        Gate *gate;               /* for subscriptions' questions */
};

/* Adds a member, which begins from the loop. */
int client_join(cev_client *c, Member *m);

/* Of one that is in no list it does nothing. */
void client_leave(Member *m);

/* A connection for a call, made again now if it is ours and was cut. Borrowed. -ENOTCONN. */
int client_bus(cev_client *c, sd_bus **ret);

/* Whether the connection is one that is made again, and is cut, noticed or not. */
bool client_is_cut(const cev_client *c);
