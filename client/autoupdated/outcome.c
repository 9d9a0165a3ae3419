/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include <errno.h>
#include <stddef.h>

#include "cleanup.h"
#include "values.h"

#define EVENT_TYPE   "system"
#define EVENT_STATUS "auto-update"
#define EVENT_ENGINE "podman"

/* What of an outcome is a detail of its event, in their order. */
static const char *const details[] = {
        "unit", "container", "container_id", "policy", "old_image", "new_image", "result", "error",
};

#define N_DETAILS (sizeof(details) / sizeof(details[0]))

const char *outcome_result_to_string(OutcomeResult result)
{
        switch (result) {
        case OUTCOME_UPDATED:
                return "updated";
        case OUTCOME_ROLLED_BACK:
                return "rolled-back";
        case OUTCOME_FAILED:
                return "failed";
        default:
                return "pending";
        }
}

int outcome_to_json(const Outcome *o, json_object **ret)
{
        _cleanup_json_ json_object *object = json_object_new_object();

        if (!object || value_put_text(object, "unit", o->unit) < 0 ||
            value_put_text(object, "container", o->change->container) < 0 ||
            value_put_text(object, "container_id",
                           o->container_id ? o->container_id : o->change->container_id) < 0 ||
            value_put_text(object, "policy", policy_to_string(o->change->policy)) < 0 ||
            value_put_text(object, "image", o->change->image) < 0 ||
            value_put_text(object, "old_image", o->change->old_image) < 0 ||
            value_put_text(object, "new_image", o->change->new_image) < 0 ||
            value_put_text(object, "result", outcome_result_to_string(o->result)) < 0 ||
            (o->error && value_put_text(object, "error", o->error) < 0) ||
            value_put(object, "time_nsec", json_object_new_uint64(o->time_nsec)) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(object);
        return 0;
}

int outcome_emit(cev_client *client, json_object *outcome, sd_bus_error *ret_error)
{
        const char *pairs[2 * N_DETAILS + 1] = {};
        size_t n = 0;

        if (!*value_text(outcome, "unit"))
                return -EINVAL;
        for (size_t i = 0; i < N_DETAILS; i++) {
                const char *value = value_text(outcome, details[i]);

                if (*value) {
                        pairs[n++] = details[i];
                        pairs[n++] = value;
                }
        }
        const cev_emission emission = {
                .type = EVENT_TYPE,
                .status = EVENT_STATUS,
                .name = value_text(outcome, "unit"),
                .image = value_text(outcome, "image"),
                .engine = EVENT_ENGINE,
                .time_nsec = value_number(outcome, "time_nsec"),
                .details = pairs,
        };
        return cev_emit(client, &emission, NULL, ret_error);
}
