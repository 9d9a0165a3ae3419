/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/engine.h"

#include <stddef.h>

#include "base/cleanup.h"
#include "names.h"

static int get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", *(const char **)userdata);
}

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Source *source = userdata;

        return sd_bus_message_append(reply, "s", source_state_to_string(source->state));
}

static int get_last_error(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *error)
{
        const Source *source = userdata;

        return sd_bus_message_append(reply, "s", source->last_error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_string, offsetof(Source, name),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Type", "s", get_string, offsetof(Source, type),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Id", "s", get_string, offsetof(Source, id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", get_string, offsetof(Source, version),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Api", "s", get_string, offsetof(Source, api),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Pid", "u", NULL, offsetof(Source, pid), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LastError", "s", get_last_error, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Received", "t", NULL, offsetof(Source, received), 0),
        SD_BUS_PROPERTY("Duplicates", "t", NULL, offsetof(Source, duplicates), 0),
        SD_BUS_PROPERTY("Lost", "t", NULL, offsetof(Source, lost), 0),
        SD_BUS_VTABLE_END,
};

int bus_engine_add(sd_bus *bus, Source *source)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(CE_ENGINE_PREFIX, source->name, &path);
        if (r < 0)
                return r;
        return sd_bus_add_object_vtable(bus, NULL, path, CE_ENGINE_INTERFACE, vtable, source);
}

int bus_engine_changed(sd_bus *bus, const Source *source)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(CE_ENGINE_PREFIX, source->name, &path);
        if (r < 0)
                return r;
        return sd_bus_emit_properties_changed(bus, path, CE_ENGINE_INTERFACE, "State", "LastError",
                                              NULL);
}
