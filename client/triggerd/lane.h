/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The starts of one unit, one after the other (see starter.h). What a lane does is in this order:
 *
 *   ask         what the unit does; if it is not at rest, wait
 *   look        whether the unit or the journal knows of it, if that may have been before we were
 *               killed
 *   write       the environment file; note the intent
 *   commit      together with the lanes that are so far in the same turn of the loop
 *   start       and when systemd has taken it the request is over
 *   wait        until the unit has come to rest; then the next, or the end of the lane
 */

#include "starter.h"
#include "unit-manager.h"

typedef struct Lane Lane;

/* What a lane has of the starter. */
typedef struct LaneHost {
        sd_event *loop;
        EnvironmentFolder *folder;
        sd_id128_t boot;
        UnitManager *manager; /* NULL while there is no connection */

        /* A place among those who ask systemd; who gets none has its turn when there is one. */
        bool (*take_place)(struct LaneHost *host);
        void (*leave_place)(struct LaneHost *host);

        /* The lane is to be told lane_committed() once the owner's intent is stored. */
        void (*want_commit)(struct LaneHost *host);

        /* Nothing is left to do: the lane is to be freed, when it has returned. */
        void (*idle)(struct LaneHost *host);
} LaneHost;

int lane_new(LaneHost *host, const char *file, Lane **ret);
Lane *lane_free(Lane *l);

const char *lane_get_file(const Lane *l);

void lane_add(Lane *l, StartRequest *request);
void lane_forget(Lane *l, const StartOwner *owner);

/* The unit runs, or did: the file is its own until it has come to rest. */
int lane_set_running(Lane *l, const char *unit);

/* Goes on as far as it gets. */
void lane_turn(Lane *l);

/* Before a commit: who is to store something, or NULL. After it: go on. */
StartOwner *lane_get_committer(const Lane *l);
void lane_committed(Lane *l);

/* Nothing is left to do. */
bool lane_is_idle(const Lane *l);
bool lane_is_running(const Lane *l);
unsigned lane_n_waiting(const Lane *l);

/* Of an owner; and their unit, of the last of them, if there is one. */
unsigned lane_n_waiting_of(const Lane *l, const StartOwner *owner, const char **ret_unit);
