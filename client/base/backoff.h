/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rests before something is tried again: the first is short, each is twice as long as the one
 * before, up to a limit.
 */

#include <systemd/sd-event.h>

typedef struct Backoff {
        sd_event_source *timer; /* owned; of the rest that is on */
        unsigned n_rests;       /* since the last backoff_reset() */
} Backoff;

/* Calls the handler when the next rest is over. */
int backoff_rest(Backoff *b, sd_event *loop, sd_event_time_handler_t handler, void *userdata);

/* Ends a rest that is on; how long the next one is stays. */
void backoff_stop(Backoff *b);

/* It worked: the next rest is a short one. */
void backoff_reset(Backoff *b);
