/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events for one unit that follow each other closely, and are to start it once, for the last of
 * them.
 */

#include <containers-events.h>

#include <systemd/sd-event.h>

typedef struct Batch Batch;
typedef struct Coalescer Coalescer;

/* The time is over. Everything is borrowed. */
typedef void (*CoalescerHandler)(const char *unit, uint64_t token, cev_event *last, uint64_t n,
                                 void *userdata);

int coalescer_new(sd_event *loop, CoalescerHandler handler, void *userdata, Coalescer **ret);
Coalescer *coalescer_free(Coalescer *c);

/* The token of the batch that is open for that unit, or 0. */
uint64_t coalescer_find(const Coalescer *c, const char *unit);

/* Begins a batch, or adds to the one that is open: then usec says nothing. */
int coalescer_add(Coalescer *c, const char *unit, uint64_t token, cev_event *event, uint64_t usec);
