/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of images. A container, and Podman's list of images, have them in full:
 * "docker.io/library/nginx:1.27". An event has what somebody typed: "nginx", "docker://nginx:1.27",
 * "localhost/app"; or no name at all: an archive's path, or, of a build, the ID of the image.
 */

#include <stdbool.h>

/* The name with a tag, without transport and digest: "nginx" is "nginx:latest", and
 * "docker.io/nginx" is "docker.io/library/nginx:latest". -EINVAL: the word is no name. */
int reference_normalize(const char *word, char **ret);

/* Whether a name can be given another image: one with a digest cannot, nor can an ID. */
bool reference_can_change(const char *name);

/* Whether an event that says the word may be about the image with that name in full. True for a
 * word that is no name, which may be about any image. Short names are resolved by registries.conf,
 * which we do not read: "nginx" is each "REGISTRY/.../nginx:latest". */
bool reference_may_mean(const char *word, const char *name);
