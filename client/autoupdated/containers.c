/* SPDX-License-Identifier: Apache-2.0 */
#include "containers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "values.h"

static void container_done(Container *c)
{
        free(c->id);
        free(c->name);
        free(c->image);
        free(c->image_id);
        free(c->unit);
        free(c->unit_container_id);
}

void containers_done(Containers *c)
{
        for (size_t i = 0; i < c->n; i++)
                container_done(&c->list[i]);
        free(c->list);
        *c = (Containers){};
}

static const char *label_of(json_object *entry, const char *key)
{
        return value_text(value_object(entry, "Labels"), key);
}

/* Of the container in a pod, the pod's infra container says which unit it is of, if it does: that
 * unit is the pod's. NULL: nobody says so. */
static json_object *who_names_unit(json_object *entries, json_object *entry)
{
        const char *pod = value_text(entry, "Pod");
        size_t n = json_object_array_length(entries);

        for (size_t i = 0; *pod && i < n; i++) {
                json_object *other = json_object_array_get_idx(entries, i);

                if (value_flag(other, "IsInfra") && strcmp(value_text(other, "Pod"), pod) == 0 &&
                    *label_of(other, LABEL_UNIT))
                        return other;
        }
        return *label_of(entry, LABEL_UNIT) ? entry : NULL;
}

static const char *first_name(json_object *entry)
{
        json_object *names, *name;

        if (!json_object_object_get_ex(entry, "Names", &names) ||
            !json_object_is_type(names, json_type_array) || json_object_array_length(names) == 0)
                return "";
        name = json_object_array_get_idx(names, 0);
        return json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "";
}

static int add(Containers *c, json_object *entries, json_object *entry)
{
        json_object *namer = who_names_unit(entries, entry);
        const char *unit = namer ? label_of(namer, LABEL_UNIT) : "";
        const char *image_id = value_text(entry, "ImageID");
        Container new;

        if (!unit_is_service(unit) || !*value_text(entry, "Id"))
                return 0;
        if (strncmp(image_id, "sha256:", 7) == 0)
                image_id += 7;
        new = (Container){
                .id = strdup(value_text(entry, "Id")),
                .name = strdup(first_name(entry)),
                .image = strdup(value_text(entry, "Image")),
                .image_id = strdup(image_id),
                .unit = strdup(unit),
                .unit_container_id = strdup(value_text(namer, "Id")),
                .policy = policy_from_string(label_of(entry, LABEL_POLICY)),
        };
        if (!new.id || !new.name || !new.image || !new.image_id || !new.unit ||
            !new.unit_container_id) {
                container_done(&new);
                return -ENOMEM;
        }
        c->list[c->n++] = new;
        return 0;
}

int containers_parse(const char *json, size_t length, Containers *ret)
{
        _cleanup_json_ json_object *entries = NULL;
        Containers found = {};
        size_t n;
        int r = value_parse(json, length, &entries);

        if (r < 0)
                return r;
        if (!json_object_is_type(entries, json_type_array))
                return -EINVAL;
        n = json_object_array_length(entries);
        found.list = calloc(n > 0 ? n : 1, sizeof(Container));
        if (!found.list)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                json_object *entry = json_object_array_get_idx(entries, i);

                r = json_object_is_type(entry, json_type_object) ? add(&found, entries, entry)
                                                                 : -EINVAL;
        }
        if (r < 0) {
                containers_done(&found);
                return r;
        }

        *ret = found;
        return 0;
}

const Container *containers_find(const Containers *c, const char *unit, const char *name,
                                 const char *image)
{
        const Container *same_image = NULL;

        for (size_t i = 0; i < c->n; i++) {
                const Container *one = &c->list[i];

                if (strcmp(one->unit, unit) != 0)
                        continue;
                if (strcmp(one->name, name) == 0)
                        return one;
                if (strcmp(one->image, image) == 0)
                        same_image = one;
        }
        return same_image;
}
