/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where Podman keeps its events.log, by Podman's own rules (containers.conf(5)).
 */

#include <stdbool.h>

/*
 * What containers.conf says in the files that Podman reads: events_logfile_path, else the folder
 * events in tmp_dir, else Podman's default. "user": of the user that we run as, else root's.
 * Returns -ENXIO if there is no such place (no XDG_RUNTIME_DIR), -ENOMEM. The caller owns the path.
 */
int podman_events_log_path(bool user, char **ret);
