/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"

/* Nothing that Podman prints or that we keep is nested deeper. */
#define DEPTH_MAX 16

static json_object *member(json_object *object, const char *key, json_type type)
{
        json_object *value;

        if (!json_object_is_type(object, json_type_object) ||
            !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
                return NULL;
        return value;
}

const char *value_text(json_object *object, const char *key)
{
        json_object *value = member(object, key, json_type_string);

        return value ? json_object_get_string(value) : "";
}

bool value_flag(json_object *object, const char *key)
{
        return json_object_get_boolean(member(object, key, json_type_boolean));
}

uint64_t value_number(json_object *object, const char *key)
{
        json_object *value = member(object, key, json_type_int);

        return value ? json_object_get_uint64(value) : 0;
}

json_object *value_object(json_object *object, const char *key)
{
        return member(object, key, json_type_object);
}

int value_put(json_object *object, const char *key, json_object *value)
{
        if (!value || json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int value_put_text(json_object *object, const char *key, const char *text)
{
        return value_put(object, key, json_object_new_string(text));
}

int value_append(json_object *array, json_object *value)
{
        if (json_object_array_add(array, json_object_get(value)) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int value_parse(const char *text, size_t length, json_object **ret)
{
        _cleanup_json_ json_object *value = NULL;
        json_tokener *tokener;
        size_t end;

        if (length > INT_MAX)
                return -EINVAL;
        tokener = json_tokener_new_ex(DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;
        value = json_tokener_parse_ex(tokener, text, (int)length);
        end = json_tokener_get_parse_end(tokener);
        json_tokener_free(tokener);
        while (end < length && strchr(" \t\r\n", text[end]) && text[end] != '\0')
                end++;
        if (!value || end < length)
                return -EINVAL;

        *ret = TAKE_PTR(value);
        return 0;
}
