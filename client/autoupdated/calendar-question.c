/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar-question.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "cleanup.h"

/* It computes, and asks nobody. */
#define TIMEOUT_USEC UINT64_C(10000000)
#define OUTPUT_MAX   65536
#define LINE_SIZE    256

struct CalendarQuestion {
        Child *child; /* owned */
        uint64_t length_usec;
        uint64_t now_usec;
        CalendarHandler handler;
        void *userdata;
};

/* The line of what it complains about, without its end. */
static void cut_line(char line[LINE_SIZE], const char *complaint)
{
        snprintf(line, LINE_SIZE, "%.*s", (int)strcspn(complaint, "\n"), complaint);
}

static void on_answer(Child *child, int result, int status, const char *output, size_t length,
                      const char *complaint, void *userdata)
{
        CalendarQuestion *q = userdata;
        CalendarWindow window = {};
        const char *problem = NULL;
        char line[LINE_SIZE];
        uint64_t elapse;
        int r = result;

        cut_line(line, complaint);
        if (result < 0)
                problem = "systemd-analyze does not answer";
        else if (status != 0 || calendar_parse(output, &elapse) < 0)
                problem = *line ? line : "systemd-analyze says no time";
        if (problem)
                r = result < 0 ? result : -EINVAL;
        else
                window = calendar_window(elapse, q->length_usec, q->now_usec);
        q->handler(q, r, window, problem, q->userdata);
}

int calendar_ask(sd_event *loop, const char *expression, uint64_t length_usec,
                 CalendarHandler handler, void *userdata, CalendarQuestion **ret)
{
        CalendarQuestion *q = calloc(1, sizeof(CalendarQuestion));
        char base[CALENDAR_BASE_SIZE];
        const char *const argv[] = { "systemd-analyze", "calendar", "--iterations=1", base, "--",
                                     expression,        NULL };
        int r;

        if (!q)
                return -ENOMEM;
        q->length_usec = length_usec;
        q->handler = handler;
        q->userdata = userdata;
        r = sd_event_now(loop, CLOCK_REALTIME, &q->now_usec);
        if (r >= 0) {
                calendar_base(q->now_usec, length_usec, base);
                r = child_start(loop, argv, TIMEOUT_USEC, OUTPUT_MAX, on_answer, q, &q->child);
        }
        if (r < 0) {
                calendar_question_free(q);
                return r;
        }

        *ret = q;
        return 0;
}

CalendarQuestion *calendar_question_free(CalendarQuestion *q)
{
        if (!q)
                return NULL;
        child_free(q->child);
        free(q);
        return NULL;
}
