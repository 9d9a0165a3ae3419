/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Question: what a caller wants to know of the history, read from the arguments of the call, and
 * checked: "error" is set as the interface promises.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "log/eventlog.h"
#include "log/log-reader.h"
#include "model/filter.h"

typedef struct Question {
        uint64_t after;                  /* events with a greater number */
        uint64_t since_nsec, until_nsec; /* since <= time < until; 0: no bound */
        Filter *filter;                  /* owned */
        bool filtered;                   /* the filter has terms */
} Question;

void question_done(Question *question);

#define _cleanup_question_ _cleanup_(question_done)

/* The place behind which to start, "s". */
int question_read_cursor(Question *question, EventLog *log, sd_bus_message *call,
                         sd_bus_error *error);

/* "tt" */
int question_read_range(Question *question, sd_bus_message *call, sd_bus_error *error);

/* "as" */
int question_read_filters(Question *question, sd_bus_message *call, sd_bus_error *error);

/* The same for a reader of the log; valid as long as the question is. */
LogQuestion question_for_log(const Question *question);

/* Whether every event fits: then none has to be looked at. */
bool question_fits_all(const Question *question);

/* Whether the event is in the range and matches the filters. */
bool question_fits(const Question *question, const EventFields *event);
