/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is published of each container: an event of type system, status auto-update, whose details
 * say what became of it.
 */

#include <stdint.h>

#include <json-c/json.h>

#include "containers-events.h"
#include "plan.h"

typedef enum OutcomeResult {
        OUTCOME_UPDATED,
        OUTCOME_ROLLED_BACK,
        OUTCOME_FAILED,
        OUTCOME_PENDING,
} OutcomeResult;

typedef struct Outcome {
        const char *unit;
        const Change *change;
        const char *container_id; /* NULL: change->container_id */
        OutcomeResult result;
        const char *error; /* why; NULL: there is nothing to say */
        uint64_t time_nsec;
} Outcome;

const char *outcome_result_to_string(OutcomeResult result);

/* As it is kept until it is published: an object of strings. The caller's. */
int outcome_to_json(const Outcome *o, json_object **ret);

/* Blocks until the event is recorded. -EINVAL: that is no outcome. */
int outcome_emit(cev_client *client, json_object *outcome, sd_bus_error *ret_error);
