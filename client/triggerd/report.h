/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon says of itself, a sentence each: to standard error, with priorities that systemd
 * understands if that is the journal.
 */

#include <stdint.h>
#include <syslog.h>

__attribute__((format(printf, 2, 3))) void report(int priority, const char *format, ...);

#define report_error(...)   report(LOG_ERR, __VA_ARGS__)
#define report_warning(...) report(LOG_WARNING, __VA_ARGS__)
#define report_notice(...)  report(LOG_NOTICE, __VA_ARGS__)
#define report_info(...)    report(LOG_INFO, __VA_ARGS__)

/* What ends a sentence that others said, with a period or without. */
const char *report_period(const char *sentence);

/* One record for all events that a trigger's rate limit left out. */
void report_left_out(const char *trigger, uint64_t n, uint64_t first_seq, uint64_t last_seq);
