/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The labels by which a container says that it wants to be updated, as Podman has them.
 */

#include <stdbool.h>

#define LABEL_POLICY "io.containers.autoupdate"
#define LABEL_UNIT   "PODMAN_SYSTEMD_UNIT"

/* Where a new image comes from. Who fetches it is not our matter: once a name gives another image
 * here, both are the same to us. */
typedef enum UpdatePolicy {
        POLICY_NONE, /* no label, "disabled", or what nobody knows */
        POLICY_REGISTRY,
        POLICY_LOCAL,
} UpdatePolicy;

/* NULL is allowed. "image" is an old word for "registry". */
UpdatePolicy policy_from_string(const char *label);
const char *policy_to_string(UpdatePolicy policy);

/* Whether it is the name of one service: a label is anybody's text. */
bool unit_is_service(const char *unit);
