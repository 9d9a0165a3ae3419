/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * When units may be restarted: from each time that a calendar expression (systemd.time(7)) names,
 * for as long as is configured. systemd-analyze(1) knows when that is; it is asked for the first
 * such time after "now less the length": if that has come the window is open.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALENDAR_NEVER UINT64_MAX

typedef struct CalendarWindow {
        bool open;
        uint64_t until_usec; /* when it closes, or opens next; CALENDAR_NEVER: it does not */
} CalendarWindow;

/* From what "systemd-analyze calendar" prints, in the locale C: its next elapse, in microseconds
 * since 1970. -EINVAL: it says no such thing. */
int calendar_parse(const char *output, uint64_t *ret_usec);

/* The time to begin the search at, as --base-time= takes it. */
#define CALENDAR_BASE_SIZE 40
void calendar_base(uint64_t now_usec, uint64_t length_usec, char ret[CALENDAR_BASE_SIZE]);

CalendarWindow calendar_window(uint64_t elapse_usec, uint64_t length_usec, uint64_t now_usec);
