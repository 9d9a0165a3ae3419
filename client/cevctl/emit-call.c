/* SPDX-License-Identifier: Apache-2.0 */
#include "emit-call.h"

#include <errno.h>

#include "cleanup.h"
#include "names.h"

static int append_string(sd_bus_message *m, const char *key, const char *value)
{
        return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_true(sd_bus_message *m, const char *key, bool value)
{
        return value ? sd_bus_message_append(m, "{sv}", key, "b", true) : 0;
}

static int append_attributes(sd_bus_message *m, const Event *e)
{
        int r;

        if (e->n_attributes == 0)
                return 0;
        if ((r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "attributes")) < 0 ||
            (r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "a{ss}")) < 0 ||
            (r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{ss}")) < 0)
                return r;
        for (size_t i = 0; i < e->n_attributes; i++) {
                r = sd_bus_message_append(m, "{ss}", e->attributes[i].key, e->attributes[i].value);
                if (r < 0)
                        return r;
        }
        for (int i = 0; i < 3; i++) { /* the array, the variant, the entry */
                r = sd_bus_message_close_container(m);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* With the types that they had when they were recorded. */
static int append_other(sd_bus_message *m, const char *key, json_object *value)
{
        uint64_t number;

        switch (json_object_get_type(value)) {
        case json_type_string:
                return sd_bus_message_append(m, "{sv}", key, "s", json_object_get_string(value));
        case json_type_boolean:
                return sd_bus_message_append(m, "{sv}", key, "b", json_object_get_boolean(value));
        case json_type_double:
                return sd_bus_message_append(m, "{sv}", key, "d", json_object_get_double(value));
        case json_type_int:
                number = json_object_get_uint64(value);
                if (number > INT64_MAX)
                        return sd_bus_message_append(m, "{sv}", key, "t", number);
                return sd_bus_message_append(m, "{sv}", key, "x", json_object_get_int64(value));
        default:
                return 0;
        }
}

static int append_details(sd_bus_message *m, const Event *e)
{
        int r = 0;

        if (e->has_exit_code)
                r = sd_bus_message_append(m, "{sv}", "exit_code", "i", e->exit_code);
        if (r >= 0 && e->has_uid)
                r = sd_bus_message_append(m, "{sv}", "uid", "u", e->uid);
        if (r < 0 || (r = append_string(m, "exec_id", e->exec_id)) < 0 ||
            (r = append_string(m, "pod_id", e->pod_id)) < 0 ||
            (r = append_string(m, "network", e->network)) < 0 ||
            (r = append_string(m, "health_status", e->health_status)) < 0 ||
            (r = append_string(m, "error", e->error)) < 0 ||
            (r = append_string(m, "reason", e->reason)) < 0 ||
            (r = append_string(m, "evidence", e->evidence)) < 0 ||
            (r = append_true(m, "oom_killed", e->oom_killed)) < 0 ||
            (r = append_true(m, "synthetic", e->synthetic)) < 0 ||
            (r = append_true(m, "truncated", e->truncated)) < 0 ||
            (r = append_true(m, "backlog", true)) < 0 || (r = append_attributes(m, e)) < 0)
                return r;
        if (e->others) {
                json_object_object_foreach(e->others, key, value) {
                        r = append_other(m, key, value);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int emit_call_new(sd_bus *bus, const Event *e, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           "Emit");
        if (r >= 0)
                r = sd_bus_message_append(m, "sssssst", e->type, e->status, e->id, e->name,
                                          e->image, e->engine, e->time_nsec);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = append_details(m, e);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}
