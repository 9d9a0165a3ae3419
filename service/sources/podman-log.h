/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The source for Podman's events.log: the file to which every Podman process of one user appends a
 * line of JSON for each event, when its events_logger is "file".
 *
 * It follows the file by inotify on its folder, or, while that does not exist, on the nearest
 * folder above it that does. How it stays right when the file is rotated, truncated or replaced
 * stands in sources/podman-place.h.
 */

#include "sources/podman-verdict.h"
#include "sources/source.h"

/*
 * "path" is copied. "known" is what else is known of the endings that Podman tells of; NULL:
 * nothing. The source has the name "podman". Returns -EINVAL if the path is not absolute, -ENOMEM.
 */
int podman_log_new(const char *path, sd_event *loop, const SourceSink *sink,
                   const PodmanKnowledge *known, Source **ret);
