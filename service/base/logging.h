/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the service says of itself: to the journal, with our identifier and priorities, when it runs
 * below systemd, else to standard error. The level and the target can be changed over the bus
 * (org.freedesktop.LogControl1); they are the only global state.
 *
 * Program code logs; library code (model, log's readers) returns errors and lets its caller log, so
 * that each error is said once.
 */

#include <stdbool.h>
#include <syslog.h>

typedef enum LogTarget {
        LOG_TARGET_CONSOLE, /* standard error */
        LOG_TARGET_JOURNAL,
        LOG_TARGET_NULL,
} LogTarget;

/* The target: the journal if standard error is connected to it, else the console. */
void logging_open(void);

int logging_get_level(void); /* a syslog priority: what is less urgent is not said */
void logging_set_level(int level);
const char *logging_level_to_string(int level);
int logging_level_from_string(const char *name); /* -EINVAL */

LogTarget logging_get_target(void);
void logging_set_target(LogTarget target);
const char *logging_target_to_string(LogTarget target);
int logging_target_from_string(const char *name, LogTarget *ret); /* -EINVAL */

__attribute__((format(printf, 2, 3))) void log_message(int priority, const char *format, ...);

#define log_error(...)   log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_DEBUG, __VA_ARGS__)
