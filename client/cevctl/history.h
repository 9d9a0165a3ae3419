/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reads a part of the history to its end, event by event, and returns then: for commands that do
 * something with all of it.
 */

#include <stddef.h>

#include <systemd/sd-bus.h>

#include "command.h"
#include "follow.h"

/* A negative result ends the reading, and is the errno of what went wrong. */
typedef int (*HistoryHandler)(const Event *event, void *userdata);

/* An event as its line in the history, with its "\n". */
typedef int (*HistoryLineHandler)(const char *line, size_t length, void *userdata);

/* line may be NULL; else what can be had as a line is, and only the rest as events.
 * options->follow must be false. The bus must not be attached to an event loop. Returns -1 when all
 * was read, else the exit status; what went wrong was printed then. */
int history_read(const Context *c, sd_bus *bus, const FollowOptions *options,
                 HistoryHandler handler, HistoryLineHandler line, void *userdata);
