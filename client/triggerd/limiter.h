/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A trigger's rate limit at work: it counts by the time of events, so that what is caught up with
 * is limited as it would have been then, and has a record written of what it left out. That time
 * goes on, never back, and is not ahead of the machine's; but where that is set back, it begins
 * again.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "rate-limit.h"
#include "trigger.h"

typedef struct Limiter Limiter;

/* The limit is borrowed, and stored by its owner. */
int limiter_new(sd_event *loop, RateLimit *limit, Limiter **ret);
Limiter *limiter_free(Limiter *l);

/* Borrows the trigger. */
void limiter_set_trigger(Limiter *l, const Trigger *trigger);

/* Whether the event may start its unit. */
bool limiter_passes(Limiter *l, uint64_t event_usec, uint64_t seq);

/* Says what was left out, though more may come. */
void limiter_settle(Limiter *l);
