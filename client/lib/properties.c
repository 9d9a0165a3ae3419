/* SPDX-License-Identifier: Apache-2.0 */
#include "properties.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "names.h"
#include "variant.h"

const char *properties_string(json_object *object, const char *name)
{
        json_object *value;

        if (!json_object_object_get_ex(object, name, &value) ||
            !json_object_is_type(value, json_type_string))
                return "";
        return json_object_get_string(value);
}

uint64_t properties_number(json_object *object, const char *name)
{
        json_object *value;

        return json_object_object_get_ex(object, name, &value) ? json_object_get_uint64(value) : 0;
}

int properties_request(sd_bus *bus, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH,
                                           "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", CE_INTERFACE);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

int properties_of_service(sd_bus *bus, sd_bus_error *error, json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = properties_request(bus, &m);
        if (r >= 0)
                r = sd_bus_call(bus, m, 0, error, &reply);
        return r < 0 ? r : variant_read_dict(reply, ret);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(properties_string(*(json_object *const *)a, "Name"),
                      properties_string(*(json_object *const *)b, "Name"));
}

/* Takes the sources out of all objects with all interfaces. */
static int collect_sources(json_object *objects, json_object *sources)
{
        json_object_object_foreach(objects, path, interfaces) {
                json_object *source;

                (void)path;
                if (!json_object_object_get_ex(interfaces, CE_ENGINE_INTERFACE, &source))
                        continue;
                if (json_object_array_add(sources, json_object_get(source)) < 0) {
                        json_object_put(source);
                        return -ENOMEM;
                }
        }
        json_object_array_sort(sources, compare_names);
        return 0;
}

int properties_of_sources(sd_bus *bus, sd_bus_error *error, json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_object *objects = NULL, *sources = NULL;
        int r;

        r = sd_bus_call_method(bus, CE_BUS_NAME, CE_OBJECT_PATH,
                               "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", error,
                               &reply, NULL);
        if (r >= 0)
                r = variant_read(reply, &objects);
        if (r < 0)
                return r;
        if (!json_object_is_type(objects, json_type_object))
                return -EBADMSG;

        sources = json_object_new_array();
        if (!sources)
                return -ENOMEM;
        r = collect_sources(objects, sources);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(sources);
        return 0;
}
