/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What "podman container inspect" says of containers: pure, no process is started here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct Inspected {
        char *id;       /* owned */
        char *image_id; /* owned; without "sha256:" */
        char *health;   /* owned; "" without a health check, else as Podman says: "starting", ... */
        pid_t conmon;   /* 0: none */
        bool running;
} Inspected;

typedef struct Inspection {
        Inspected *list; /* owned */
        size_t n;
} Inspection;

/* -EINVAL: not what Podman prints. */
int inspection_parse(const char *json, size_t length, Inspection *ret);
void inspection_done(Inspection *i);

const Inspected *inspection_find(const Inspection *i, const char *id); /* or NULL */
