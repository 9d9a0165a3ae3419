/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One trigger at work: its subscription to the events that its filters let through, how far it has
 * come in them, and its starts. It takes no more events than it can keep account of; the history
 * has the others, and it goes on there when there is room.
 */

#include <stdbool.h>

#include "client-pool.h"
#include "starter.h"
#include "state-folder.h"
#include "trigger.h"

typedef struct Runner Runner;

/* What all of them share; it must outlive them. */
typedef struct RunnerHost {
        sd_event *loop;
        ClientPool *clients;
        Starter *starter;
        StateFolder *states;

        /* One has its first place in the history: from there on it misses nothing. */
        void (*placed)(void *userdata);
        void *userdata;
} RunnerHost;

/* Borrows the trigger, which must be loaded. */
int runner_new(const RunnerHost *host, const Trigger *trigger, Runner **ret);
Runner *runner_free(Runner *r);

const Trigger *runner_get_trigger(const Runner *r);

/* Whether it has a place in the history, its first one or one that was stored. */
bool runner_has_place(const Runner *r);

/* The trigger as it was read again, to be borrowed instead. It goes on where it is; only other
 * filters take another subscription. */
void runner_set_trigger(Runner *r, const Trigger *trigger);

/* Before the end: stores how far it has come, and says what was left out. */
void runner_settle(Runner *r);
