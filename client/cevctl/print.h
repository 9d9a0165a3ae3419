/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events as lines for people, in Podman's form: who reads the one reads the other. Control
 * characters are escaped, since labels are anybody's text. Where Podman's order is random (labels)
 * this one is sorted.
 */

#include <stdbool.h>
#include <stdio.h>

#include <containers-events.h>

typedef struct PrintOptions {
        bool truncate; /* IDs to 12 characters; human form only, as Podman does */
        bool color;
} PrintOptions;

/* One line, with its end. */
void print_human(FILE *f, const cev_event *e, const PrintOptions *options);
