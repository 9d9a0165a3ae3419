/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/detail.h"

#include <string.h>

#include "model/event.h"

const Detail known_details[DETAILS_MAX] = {
#define FIELD(name) offsetof(EventFields, name)
        { "exit_code", "i", FIELD(exit_code), FIELD(has_exit_code), true },
        { "exec_id", "s", FIELD(exec_id), 0, true },
        { "pod_id", "s", FIELD(pod_id), 0, true },
        { "network", "s", FIELD(network), 0, true },
        { "health_status", "s", FIELD(health_status), 0, true },
        { "error", "s", FIELD(error), 0, true },
        { "oom_killed", "b", FIELD(oom_killed), 0, true },
        { "uid", "u", FIELD(uid), FIELD(has_uid), true },
        { "attributes", "a{ss}", FIELD(attributes), 0, true },
        { "synthetic", "b", FIELD(synthetic), 0, true },
        { "reason", "s", FIELD(reason), 0, true },
        { "evidence", "s", FIELD(evidence), 0, true },
        { "truncated", "b", FIELD(truncated), 0, true },
        { "backlog", "b", FIELD(backlog), 0, true },
        { "unrecorded", "b", FIELD(unrecorded), 0, false },
        { "unsignalled", "u", FIELD(unsignalled), FIELD(has_unsignalled), false },
#undef FIELD
};

const Detail *detail_find(const char *key)
{
        for (size_t i = 0; i < DETAILS_MAX; i++)
                if (strcmp(known_details[i].key, key) == 0)
                        return known_details + i;

        return NULL;
}
