/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One *.trigger file, or a drop-in of it: its section [Trigger], with the keys Description=,
 * Filter=, Unit=, RateLimitIntervalSec=, RateLimitBurst=, CoalesceSec= and CatchUp=. An empty value
 * takes back what was set before, as systemd has it. Unknown keys are told and passed over, so that
 * a newer file runs with an older program; what is known and wrong breaks the trigger, for one that
 * is half understood would start things that nobody asked for.
 */

#include <stddef.h>

#include "trigger.h"

/* As the service takes it: filters in one question, and bytes in one filter. */
#define TRIGGER_FILTERS_MAX       64
#define TRIGGER_FILTER_LENGTH_MAX 2048

/* What is worth to be told and does no harm. The place is "FILE:LINE" or a file; the text is a
 * sentence without a period. */
typedef struct TriggerReport {
        void (*warning)(const char *place, const char *text, void *userdata); /* or NULL */
        void *userdata;
} TriggerReport;

/* Adds what the text says. -EINVAL and a sentence with file and line, which the caller owns;
 * -ENOMEM. */
int trigger_file_read(Trigger *t, const char *file, const char *text, size_t length,
                      const TriggerReport *report, char **ret_problem);

/* When all of its files are read: whether it is complete. As above. */
int trigger_file_check(const Trigger *t, const TriggerReport *report, char **ret_problem);
