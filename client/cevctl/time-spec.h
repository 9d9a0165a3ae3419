/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Points in time as people and scripts write them: RFC 3339, a date or a date and time (without a
 * zone: local time), seconds since 1970 (exact to the nanosecond), a duration as Go writes it and
 * with days and weeks, and the words now, today, yesterday and tomorrow.
 *
 * A duration counts from now: back for the start of a range, ahead for its end, as Podman has it.
 * Nothing here goes through floating point: a time that was printed comes back the same.
 */

#include <stdint.h>

/* What stands in an error sentence after "is not a time: ". */
#define TIME_SPEC_ACCEPTED                                                                         \
        "give a time as 2006-01-02T15:04:05Z, \"2006-01-02 15:04\" or 2006-01-02, "                \
        "seconds since 1970, a duration as 10m, 1h30m or 2d, now, today, yesterday or tomorrow"

typedef enum TimeDirection {
        TIME_BACK,  /* 10m is ten minutes ago */
        TIME_AHEAD, /* 10m is in ten minutes */
} TimeDirection;

/* Nanoseconds since 1970, negative before. -EINVAL: no such form, or no such day or hour. -ERANGE:
 * too far from 1970 for nanoseconds (1677 to 2262). */
int time_spec_parse(const char *text, TimeDirection direction, int64_t now_nsec, int64_t *ret_nsec);

/* How long to wait: a duration as above, or a number of seconds as timeout(1) takes it.
 * Microseconds, rounded up. -EINVAL: no duration, or a negative one. -ERANGE: longer than 292
 * years. */
#define DURATION_ACCEPTED "give a duration as 30s, 1h30m or 2d, or a number of seconds"

int duration_parse(const char *text, uint64_t *ret_usec);

/* The time now, in nanoseconds since 1970. */
uint64_t time_now_nsec(void);
