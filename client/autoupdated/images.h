/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which name gives which image, as Podman tells it: pure, no process is started here.
 */

#include <stddef.h>

/* What makes "podman images --no-trunc" print what is read here. */
#define IMAGES_FORMAT "{{.ID}} {{.Repository}}:{{.Tag}}"

typedef struct ImageName {
        const char *id;   /* in the text; full, without "sha256:" */
        const char *name; /* in the text; in full */
} ImageName;

typedef struct Images {
        char *text;      /* owned */
        ImageName *list; /* owned */
        size_t n;
} Images;

/* -EINVAL: not what Podman prints. */
int images_parse(const char *text, size_t length, Images *ret);
void images_done(Images *i);

/* The ID that a container's name of its image gives now, or NULL. */
const char *images_find(const Images *i, const char *name);
