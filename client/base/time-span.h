/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lengths of time as systemd's settings have them: "90", "1min 30s", "1.5h"; without a unit it is
 * seconds.
 */

#include <stdint.h>

#define TIME_SPAN_ACCEPTED "give a time as 30s, 5min or 1h 30min"

/* Microseconds, cut. -EINVAL: no such form. -ERANGE: longer than 292 years. */
int time_span_parse(const char *text, uint64_t *ret_usec);
