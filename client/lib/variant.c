/* SPDX-License-Identifier: Apache-2.0 */
#include "variant.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

static int read_value(sd_bus_message *m, json_object **ret);

typedef union Basic {
        uint8_t y;
        int b;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
        const char *s;
} Basic;

static json_object *basic_to_json(char type, const Basic *v)
{
        switch (type) {
        case SD_BUS_TYPE_BYTE:
                return json_object_new_int(v->y);
        case SD_BUS_TYPE_BOOLEAN:
                return json_object_new_boolean(v->b);
        case SD_BUS_TYPE_INT16:
                return json_object_new_int(v->n);
        case SD_BUS_TYPE_UINT16:
                return json_object_new_int(v->q);
        case SD_BUS_TYPE_INT32:
                return json_object_new_int(v->i);
        case SD_BUS_TYPE_UINT32:
                return json_object_new_int64(v->u);
        case SD_BUS_TYPE_INT64:
                return json_object_new_int64(v->x);
        case SD_BUS_TYPE_UINT64:
                return json_object_new_uint64(v->t);
        case SD_BUS_TYPE_DOUBLE:
                return json_object_new_double(v->d);
        default: /* a string, an object path or a signature */
                return json_object_new_string(v->s);
        }
}

static int read_basic(sd_bus_message *m, char type, json_object **ret)
{
        json_object *value;
        Basic v;
        int r;

        r = sd_bus_message_read_basic(m, type, &v);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;

        if (type == SD_BUS_TYPE_UNIX_FD) {
                *ret = NULL; /* its number says nothing outside this process */
                return 0;
        }
        if (type == SD_BUS_TYPE_DOUBLE && !isfinite(v.d)) {
                *ret = NULL; /* JSON has no such number */
                return 0;
        }
        value = basic_to_json(type, &v);
        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}

/* A key of a dictionary, as the text that JSON wants. */
static int read_key(sd_bus_message *m, char **ret)
{
        _cleanup_json_ json_object *key = NULL;
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        r = read_basic(m, type, &key);
        if (r < 0)
                return r;

        *ret = strdup(json_object_get_string(key) ?: "");
        return *ret ? 0 : -ENOMEM;
}

static int read_entries(sd_bus_message *m, const char *contents, json_object *object)
{
        /* contents is "{kv}"; entering wants what is between the braces. */
        _cleanup_free_ char *inner = strndup(contents + 1, strlen(contents) - 2);
        int r;

        if (!inner)
                return -ENOMEM;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, inner)) > 0) {
                _cleanup_free_ char *key = NULL;
                json_object *value = NULL;

                r = read_key(m, &key);
                if (r >= 0)
                        r = read_value(m, &value);
                if (r < 0)
                        return r;
                if (json_object_object_add(object, key, value) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int read_items(sd_bus_message *m, json_object *array)
{
        int r;

        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_object *value = NULL;

                r = read_value(m, &value);
                if (r < 0)
                        return r;
                if (json_object_array_add(array, value) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
        }
        return r < 0 ? r : 0;
}

static int read_container(sd_bus_message *m, char type, const char *contents, json_object **ret)
{
        bool dict = type == SD_BUS_TYPE_ARRAY && contents[0] == '{';
        _cleanup_json_ json_object *value = NULL;
        int r;

        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;

        if (type == SD_BUS_TYPE_VARIANT) {
                r = read_value(m, &value);
        } else {
                value = dict ? json_object_new_object() : json_object_new_array();
                if (!value)
                        return -ENOMEM;
                r = dict ? read_entries(m, contents, value) : read_items(m, value);
        }
        if (r < 0)
                return r;

        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}

static int read_value(sd_bus_message *m, json_object **ret)
{
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;
        /* D-Bus allows 64 levels of nesting and sd-bus holds messages to that, so this ends. */
        return contents ? read_container(m, type, contents, ret) : read_basic(m, type, ret);
}

int variant_read(sd_bus_message *m, json_object **ret)
{
        return read_value(m, ret);
}

int variant_read_dict(sd_bus_message *m, json_object **ret)
{
        return read_container(m, SD_BUS_TYPE_ARRAY, "{sv}", ret);
}
