/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Why there is no exit code, where the service's sentence does not say all. Each prints it on
 * standard error and returns the exit status.
 */

int exit_report_no_such(const char *id);
int exit_report_ambiguous(const char *id);
int exit_report_running(const char *id);
int exit_report_unknown(const char *container);
