/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A call that may take long, and is made again until the service has answered it: over restarts of
 * the service, and over errors that pass. It has no time limit of its own.
 *
 * While nobody owns the name we do not call: an administrator who stopped the service would not
 * thank us for starting it. Only a first call may.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "follow.h"

typedef struct Insist Insist;

/* All of them but make() may free the Insist, and none is called after that. */
typedef struct InsistHandler {
        /* Makes the message: again each time, since there is less time left then. */
        int (*make)(sd_bus *bus, sd_bus_message **ret, void *userdata);

        /* The answer, or an error that does not pass. Returns whether there is another call to
         * make; otherwise it was the last. */
        bool (*answered)(sd_bus_message *reply, void *userdata);

        /* The end instead of that: the errno of what went wrong here, or what the bus said.
         * -ENOTCONN: the connection was cut. */
        void (*failed)(int result, const sd_bus_error *error, void *userdata);

        void (*notice)(FollowNotice notice, const char *text, void *userdata);
} InsistHandler;

/* "again": this goes on after another connection that was cut, so that the service was there, for
 * all we know. The handler must outlive the object. */
int insist_new(sd_bus *bus, bool again, const InsistHandler *handler, void *userdata, Insist **ret);
Insist *insist_free(Insist *i);
