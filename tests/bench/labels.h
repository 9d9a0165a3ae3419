/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Labels as podman-compose, quadlets and people write them, in the order in which Podman has them:
 * sorted, so that its own attribute "execID" stands between the two parts.
 */

#include <stdint.h>

#define LABELS_SIZE 1024

typedef struct Labels {
        char head[LABELS_SIZE]; /* members that sort before "execID", without braces */
        char tail[LABELS_SIZE]; /* and those behind it */
} Labels;

/* Of the container with that number. */
void labels_make(Labels *labels, uint64_t number, uint64_t *random);
