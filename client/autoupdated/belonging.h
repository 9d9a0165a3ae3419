/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether a unit runs a container. The label that says so proves nothing: an image brings labels,
 * and one that names sshd.service must not restart that. A unit runs what is in its control group,
 * which the kernel knows: there is the container's conmon, where "podman run" stood in the unit.
 * Podman leaves it there whatever --cgroups= says, since it sees that systemd has started it.
 */

#include <stdbool.h>
#include <sys/types.h>

/* user: a unit of the user's systemd. */
bool belonging_is_proved(pid_t conmon, const char *unit, bool user);
