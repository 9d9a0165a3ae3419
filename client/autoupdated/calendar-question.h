/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Asks systemd-analyze(1) whether the window is open.
 */

#include <systemd/sd-event.h>

#include "calendar.h"

typedef struct CalendarQuestion CalendarQuestion;

/* Once, from the loop; the question may be freed in it. A negative result: the expression is not
 * valid, or cannot be asked about; the problem is a sentence without a period, borrowed. */
typedef void (*CalendarHandler)(CalendarQuestion *q, int result, CalendarWindow window,
                                const char *problem, void *userdata);

int calendar_ask(sd_event *loop, const char *expression, uint64_t length_usec,
                 CalendarHandler handler, void *userdata, CalendarQuestion **ret);
CalendarQuestion *calendar_question_free(CalendarQuestion *q);
