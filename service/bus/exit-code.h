/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ExitCode: what the history says about how an exec session or a container ended, gathered from one
 * event after the other.
 *
 * Of an exec session the first word counts: Podman may say twice that it ended. Of a container it
 * is the last: it can be started again. But what comes as backlog, from another history, does not
 * count when it happened before what is known.
 */

#include <systemd/sd-bus.h>

#include "model/event.h"
#include "model/filter.h"

/* A prefix of an ID that is shorter is more likely a mistake than an ID. */
#define ID_PREFIX_MIN 12

typedef enum ExitCodeKind {
        EXIT_CODE_EXEC,
        EXIT_CODE_CONTAINER,
} ExitCodeKind;

typedef struct ExitCode ExitCode;

/* "id" is a full ID or a prefix of one, and copied. Returns -ENOMEM. */
int exit_code_new(ExitCodeKind kind, const char *id, ExitCode **ret);

/* Takes NULL; returns NULL. */
ExitCode *exit_code_free(ExitCode *exit_code);

static inline void exit_code_freep(ExitCode **exit_code)
{
        exit_code_free(*exit_code);
}

/* Of the events that may tell, and a few more; borrowed. NULL if there can be none: the ID is
 * longer than any. */
const Filter *exit_code_filter(const ExitCode *exit_code);

/* Returns 1 when nothing that comes can change the answer, 0 otherwise, -ENOMEM. */
int exit_code_look_at(ExitCode *exit_code, const EventFields *event);

/* Answers the call, with the code or with the error that says why there is none. */
int exit_code_answer(const ExitCode *exit_code, sd_bus_message *call);
