/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Workload: what a busy host's Podman writes to its events.log, made up, and the same for the same
 * seed and number of events. Containers are jobs (6 events), services (12, with execs and health
 * checks) and ones that live long; many live at once, and what happens next happens to any of them.
 * In between there are images, pods, volumes and networks. The lines are not in order of time.
 *
 * Among them are events that a question can be asked about, the answer being known:
 *
 *   probes    some services whose 12 events are a stretch of the history, as any service's are
 *   spread    containers with 12 events that lie over the whole history
 *   rare      a label that few events have, spread over the whole history
 *   execs     a random choice of exec sessions, with their exit codes
 *   ranges    stretches of time in which a thousand events happened
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WORKLOAD_LINE_MAX 8192

typedef struct Workload Workload;

Workload *workload_new(uint64_t n_events, uint64_t seed);
Workload *workload_free(Workload *workload);

/* Writes the next line, with its "\n"; returns its length, or 0 after the last. */
size_t workload_next(Workload *workload, char line[static WORKLOAD_LINE_MAX]);

/* What is known of the events, when all are written, as members of a JSON object. */
void workload_print_facts(Workload *workload, FILE *file);
