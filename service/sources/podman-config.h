/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where Podman keeps its events and what lives until the next boot, by Podman's own rules
 * (containers.conf(5)). What is given on Podman's command line nobody else knows.
 *
 * "user": of the user that we run as, else root's. Both return -ENXIO if there is no such place (no
 * XDG_RUNTIME_DIR), -ENOMEM. The caller owns the path.
 */

#include <stdbool.h>

/* events_logfile_path, else events/events.log in podman_tmp_dir(). */
int podman_events_log_path(bool user, char **ret);

/* tmp_dir, else Podman's default. */
int podman_tmp_dir(bool user, char **ret);
