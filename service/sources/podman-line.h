/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A line of Podman's events.log, and the event that it tells.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event-scanner.h"

/*
 * Bytes that are not UTF-8 become U+FFFD. "uid" is whose Podman it is; "backlog" marks the event.
 * The scanner is one to work with, any. Returns -EBADMSG for what is no event, -ENOMEM.
 */
int podman_line_parse(EventScanner *scanner, const char *line, size_t length, uint32_t uid,
                      bool backlog, Event **ret);

/* Records of Podman that are about its log, and not events of containers. */
bool podman_line_is_rotation(const char *line, size_t length);
