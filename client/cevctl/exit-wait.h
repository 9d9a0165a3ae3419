/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Waits for the end of an exec session or of a container, and gives the code. An exec session's end
 * the service waits for; a container's is an event, for which its events are followed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

typedef enum ExitKind {
        EXIT_EXEC,
        EXIT_CONTAINER,
} ExitKind;

typedef struct ExitWaitOptions {
        const char *id;
        bool exec;             /* ask for an exec session */
        bool container;        /* for a container; with both, if there is no such exec session */
        uint64_t timeout_usec; /* UINT64_MAX for none */
} ExitWaitOptions;

/* Returns -1 if there is a code, else the exit status; what went wrong was printed then. */
int exit_wait(const Context *c, const ExitWaitOptions *options, ExitKind *ret_kind, int *ret_code);
