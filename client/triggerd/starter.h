/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Starts units, each once for each request. Requests for one environment file, that is, for one
 * unit, wait for each other in a lane (lane.h): systemd does nothing when it is asked to start what
 * runs already, so the next is asked for when the unit has come to rest. Lanes do not wait for each
 * other, but that only so many ask at once.
 *
 * The connection to systemd may come and go; requests wait.
 */

#include <systemd/sd-event.h>

#include "environment-folder.h"
#include "start-request.h"

typedef struct Starter Starter;

/* The folder must outlive it. Units whose environment files are there from before are waited for,
 * and the files removed then. */
int starter_new(sd_event *loop, EnvironmentFolder *folder, Starter **ret);
Starter *starter_free(Starter *s);

/* Takes it over if it succeeds. The owner is called from the loop only. */
int starter_add(Starter *s, StartRequest *request);

/* Requests of the owner that were not asked for are dropped, and it is not called any more. */
void starter_forget(Starter *s, const StartOwner *owner);

/* How many requests wait, and for how many units it is waited that were started. */
void starter_count(const Starter *s, unsigned *ret_waiting, unsigned *ret_running);

/* The unit for which most of the owner's requests wait, and how many; 0 if none does. */
unsigned starter_find_longest(const Starter *s, const StartOwner *owner, const char **ret_unit);
