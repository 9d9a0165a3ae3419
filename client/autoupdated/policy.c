/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <stddef.h>
#include <string.h>

#include "unit-name.h"

UpdatePolicy policy_from_string(const char *label)
{
        if (!label)
                return POLICY_NONE;
        if (strcmp(label, "registry") == 0 || strcmp(label, "image") == 0)
                return POLICY_REGISTRY;
        return strcmp(label, "local") == 0 ? POLICY_LOCAL : POLICY_NONE;
}

const char *policy_to_string(UpdatePolicy policy)
{
        switch (policy) {
        case POLICY_REGISTRY:
                return "registry";
        case POLICY_LOCAL:
                return "local";
        default:
                return "disabled";
        }
}

bool unit_is_service(const char *unit)
{
        UnitNameKind kind = unit_name_kind(unit);

        return (kind == UNIT_NAME_PLAIN || kind == UNIT_NAME_INSTANCE) &&
               strcmp(unit_name_type(unit), ".service") == 0;
}
