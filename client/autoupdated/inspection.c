/* SPDX-License-Identifier: Apache-2.0 */
#include "inspection.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "values.h"

void inspection_done(Inspection *inspection)
{
        for (size_t i = 0; i < inspection->n; i++) {
                free(inspection->list[i].id);
                free(inspection->list[i].image_id);
                free(inspection->list[i].health);
        }
        free(inspection->list);
        *inspection = (Inspection){};
}

/* Podman 3 calls it Healthcheck. Where there is no health check the status is "", or all of it is
 * missing; a health check that has not been run yet may be seen in the configuration alone. */
static const char *health_of(json_object *entry, json_object *state)
{
        const char *status = value_text(value_object(state, "Health"), "Status");

        if (!*status)
                status = value_text(value_object(state, "Healthcheck"), "Status");
        if (!*status && value_object(value_object(entry, "Config"), "Healthcheck"))
                status = "starting";
        return status;
}

static int add(Inspection *inspection, json_object *entry)
{
        json_object *state = value_object(entry, "State");
        uint64_t conmon = value_number(state, "ConmonPid");
        const char *image_id = value_text(entry, "Image");
        Inspected one;

        if (strncmp(image_id, "sha256:", 7) == 0)
                image_id += 7;
        one = (Inspected){
                .id = strdup(value_text(entry, "Id")),
                .image_id = strdup(image_id),
                .health = strdup(health_of(entry, state)),
                .conmon = conmon <= INT_MAX ? (pid_t)conmon : 0,
                .running = value_flag(state, "Running"),
        };
        inspection->list[inspection->n++] = one;
        return one.id && one.image_id && one.health ? 0 : -ENOMEM;
}

int inspection_parse(const char *json, size_t length, Inspection *ret)
{
        _cleanup_json_ json_object *entries = NULL;
        Inspection found = {};
        size_t n;
        int r = value_parse(json, length, &entries);

        if (r < 0)
                return r;
        if (!json_object_is_type(entries, json_type_array))
                return -EINVAL;
        n = json_object_array_length(entries);
        found.list = calloc(n > 0 ? n : 1, sizeof(Inspected));
        if (!found.list)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add(&found, json_object_array_get_idx(entries, i));
        if (r < 0) {
                inspection_done(&found);
                return r;
        }

        *ret = found;
        return 0;
}

const Inspected *inspection_find(const Inspection *inspection, const char *id)
{
        for (size_t i = 0; id && i < inspection->n; i++)
                if (strcmp(inspection->list[i].id, id) == 0)
                        return &inspection->list[i];
        return NULL;
}
