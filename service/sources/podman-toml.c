/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-toml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int podman_toml_string(const char *value, char **place)
{
        size_t length = strlen(value);
        char *copy;

        if (length < 3 || (value[0] != '"' && value[0] != '\'') || value[length - 1] != value[0] ||
            strchr(value, '\\'))
                return 0;
        copy = strndup(value + 1, length - 2);
        if (!copy)
                return -ENOMEM;

        free(*place);
        *place = copy;
        return 0;
}
