/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What runs, as "podman ps --no-trunc --format=json" tells it: pure, no process is started here.
 * Names and labels are the words of whoever started the container, or of who built its image.
 */

#include <stddef.h>

#include "policy.h"

typedef struct Container {
        char *id;                /* owned; full */
        char *name;              /* owned */
        char *image;             /* owned; the name in full, as the container was made with */
        char *image_id;          /* owned; full, without "sha256:" */
        char *unit;              /* owned; a service, or NULL: the label says none, or rubbish */
        char *unit_container_id; /* owned; whose label says so: its own, or its pod's infra one's */
        UpdatePolicy policy;
} Container;

typedef struct Containers {
        Container *list; /* owned */
        size_t n;
} Containers;

/* Those with a unit. -EINVAL: not what Podman prints. */
int containers_parse(const char *json, size_t length, Containers *ret);
void containers_done(Containers *c);

/* The running container of the unit with that name, or else with that image, or NULL. Names of
 * containers whose unit gives none change at each start. */
const Container *containers_find(const Containers *c, const char *unit, const char *name,
                                 const char *image);
