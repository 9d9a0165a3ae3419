/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The time of an event as its line has it: RFC 3339, 1970 to 2554, to the nanosecond. */

#include <stdint.h>

/* -EINVAL for what is no such time, -ERANGE for one before 1970 or past 2554. */
int rfc3339_parse(const char *text, uint64_t *ret_nsec);
