/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ExitCode: how an exec session or a container ended, gathered from what the sources say of running
 * ones, and then from one event of the history after the other.
 *
 * Of an exec session the first word counts: Podman may say twice that it ended. Of a container it
 * is the last: it can be started again. But what comes as backlog, from another history, does not
 * count when it happened before what is known. What a user says does not count where root spoke, or
 * another user before.
 *
 * What runs is asked first: an end that a source saw before is in the log by then, so that nobody
 * who ends meanwhile is taken for one who never was.
 */

#include <systemd/sd-bus.h>

#include "bus/bus.h"
#include "log/eventlog.h"
#include "model/event.h"
#include "model/filter.h"

/* A prefix of an ID that is shorter is more likely a mistake than an ID. */
#define ID_PREFIX_MIN 12

typedef enum ExitCodeKind {
        EXIT_CODE_EXEC,
        EXIT_CODE_CONTAINER,
} ExitCodeKind;

/* What is known of it. */
typedef enum ExitCodeState {
        EXIT_CODE_NONE,      /* there is no such one */
        EXIT_CODE_SHORT,     /* nor can there be: the ID is too short for the start of one */
        EXIT_CODE_AMBIGUOUS, /* several start so */
        EXIT_CODE_RUNNING,   /* has not ended */
        EXIT_CODE_UNKNOWN,   /* ended, nobody said how */
        EXIT_CODE_KNOWN,
} ExitCodeState;

typedef struct ExitCode ExitCode;

/* Whether something may be asked by that ID at all; if not, negative with "error" set. */
int exit_code_check_id(const char *id, sd_bus_error *error);

/* "id" is a full ID or a prefix of one, and copied. Returns -ENOMEM. */
int exit_code_new(ExitCodeKind kind, const char *id, ExitCode **ret);

/* Takes NULL; returns NULL. */
ExitCode *exit_code_free(ExitCode *exit_code);

static inline void exit_code_freep(ExitCode **exit_code)
{
        exit_code_free(*exit_code);
}

/* Asks whether it runs now. Returns negative errno. */
int exit_code_ask_running(ExitCode *exit_code, const BusHost *host);

/* The full ID of the one that runs now; borrowed. NULL: none does, or nobody was asked. */
const char *exit_code_running(const ExitCode *exit_code);

/* Of the events that may tell, and a few more; borrowed. NULL if there can be none: the ID is
 * longer than any. */
const Filter *exit_code_filter(const ExitCode *exit_code);

/* Returns 1 when nothing that comes can change the answer, 0 otherwise, -ENOMEM. */
int exit_code_look_at(ExitCode *exit_code, const EventFields *event);

ExitCodeState exit_code_state(const ExitCode *exit_code);

/* Whose end this is about; borrowed. NULL: nobody's. */
const char *exit_code_full_id(const ExitCode *exit_code);

/* Whether what is said of it may have to wait: the history cannot be written, and it is named in
 * what waits for that. */
bool exit_code_is_unrecorded(const ExitCode *exit_code, EventLog *log);

/* Answers the call, with the code or with the error that says why there is none. */
int exit_code_answer(const ExitCode *exit_code, sd_bus_message *call);
