/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Times are uint64_t nanoseconds since the epoch, CLOCK_REALTIME, so 1970 to 2554. As text they are
 * RFC 3339 with up to nine digits of a second's fraction: the form of Podman's log.
 */

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

/* The longest text: "2554-07-21T23:34:33.709551615Z" and its NUL. */
#define TIMESTAMP_SIZE 31

uint64_t timestamp_now(void);

/* Returns -EINVAL for what is no such time and -ERANGE for one before 1970 or past 2554. */
int timestamp_parse(const char *text, uint64_t *ret_nsec);

/* In UTC; the fraction without trailing zeros, and none at all for a whole second. */
void timestamp_format(uint64_t nsec, char text[static TIMESTAMP_SIZE]);
