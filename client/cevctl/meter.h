/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How far a long piece of work has come, in one line on standard error that is written over again;
 * nothing if that is no terminal.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Meter {
        const char *what; /* "events read" */
        uint64_t n;
        uint64_t shown_nsec; /* when; CLOCK_MONOTONIC */
        bool on;
        bool shown;
} Meter;

void meter_start(Meter *m, const char *what);
void meter_add(Meter *m);

/* So far it has come to n; shown at once. */
void meter_set(Meter *m, uint64_t n);

/* Wipes the line, so that something else can be written. */
void meter_clear(Meter *m);
