/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a daemon says of itself, a sentence each and on one line whatever is quoted in it: to
 * standard error, with priorities that systemd understands (sd-daemon(3)) if that is the journal.
 */

#include <stdbool.h>
#include <syslog.h>

__attribute__((format(printf, 2, 3))) void report(int priority, const char *format, ...);

#define report_error(...)   report(LOG_ERR, __VA_ARGS__)
#define report_warning(...) report(LOG_WARNING, __VA_ARGS__)
#define report_notice(...)  report(LOG_NOTICE, __VA_ARGS__)
#define report_info(...)    report(LOG_INFO, __VA_ARGS__)

/* What ends a sentence that others said, with a period or without. */
const char *report_period(const char *sentence);

/* Whether standard error is the journal. */
bool report_is_journal(void);
