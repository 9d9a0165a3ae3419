/* SPDX-License-Identifier: Apache-2.0 */
#include "model/vocabulary.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define TYPES_TEXT                                                                                 \
        "use one of container, pod, image, volume, network, secret, artifact, machine, system"

static const char *const types[] = {
        "container", "pod", "image", "volume", "network", "secret", "artifact", "machine", "system",
};

static const struct {
        const char *alias;
        const char *canonical;
} status_aliases[] = {
        { "die", "died" },      { "exec_die", "exec_died" }, { "destroy", "remove" },
        { "delete", "remove" }, { "rm", "remove" },
};

bool event_type_is_known(const char *type)
{
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (strcmp(types[i], type) == 0)
                        return true;

        return false;
}

const char *event_types_text(void)
{
        return TYPES_TEXT;
}

const char *event_status_canonical(const char *status)
{
        for (size_t i = 0; i < ELEMENTSOF(status_aliases); i++)
                if (strcmp(status_aliases[i].alias, status) == 0)
                        return status_aliases[i].canonical;

        return status;
}
