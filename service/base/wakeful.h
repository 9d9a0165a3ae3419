/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An event loop that is woken at once. What has come may not be there for long, and on a busy
 * machine a process that is woken waits for its turn behind all others. So the loop waits in the
 * kernel's real-time class, where that is allowed, and leaves it when it has done what is most
 * urgent: the first callback. All else it does like everybody, and harms nobody who computes.
 */

#include <systemd/sd-event.h>

/* As sd_event_loop(). */
int wakeful_loop(sd_event *loop);
