/* SPDX-License-Identifier: Apache-2.0 */
#include "state-file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "values.h"

/* No state of ours grows to that. */
#define FILE_SIZE_MAX (16 * 1024 * 1024)

#define FILE_NAME        "state.json"
#define FILE_NAME_BROKEN "state.json.broken"

int state_file_read(int folder, json_object **ret)
{
        _cleanup_json_ json_object *root = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read(folder, FILE_NAME, FILE_SIZE_MAX, &text);
        if (r < 0)
                return r;
        r = value_parse(text, strlen(text), &root);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !json_object_is_type(root, json_type_object))
                return -EBADMSG;

        *ret = TAKE_PTR(root);
        return 0;
}

int state_file_write(int folder, json_object *root)
{
        const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);

        return text ? file_replace(folder, FILE_NAME, text, true) : -ENOMEM;
}

int state_file_set_aside(int folder)
{
        return renameat(folder, FILE_NAME, folder, FILE_NAME_BROKEN) < 0 ? -errno : 0;
}
