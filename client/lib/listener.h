/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Hears what the service says by itself: its signals, and its coming and going on the bus. Signals
 * of anybody else are dropped, whatever they claim to be.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "event.h"

typedef struct Listener Listener;

typedef struct ListenerHandler {
        /* Called once when the match is in place, so that nothing is missed from there on, and
         * again whenever the service comes, goes or is another one. */
        void (*owner)(bool present, void *userdata);

        void (*event)(const Event *event, void *userdata);

        /* The service can write its history again. What it signalled before is recorded now, and
         * is not signalled a second time. */
        void (*written)(void *userdata);

        /* Listening is over: error is what the bus said, or NULL for the errno. */
        void (*failed)(int result, const sd_bus_error *error, void *userdata);
} ListenerHandler;

/* The handler must outlive the object. It may free it. */
int listener_new(sd_bus *bus, const ListenerHandler *handler, void *userdata, Listener **ret);
Listener *listener_free(Listener *l);

/* Whether the service is on the bus. */
bool listener_has_owner(const Listener *l);
