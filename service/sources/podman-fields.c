/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-fields.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/event-json.h"

int podman_json_clean(const char *text, size_t length, char **ret_copy, size_t *ret_length)
{
        static const char NUL[] = "\\u0000";
        _cleanup_free_ char *copy = NULL;
        bool has_nul = memmem(text, length, NUL, sizeof(NUL) - 1);
        size_t n = 0;
        int r;

        while (n < length && text[n] != '\0') {
                size_t character = utf8_character(text + n, length - n);

                if (character == 0)
                        break;
                n += character;
        }
        if (n == length && !has_nul) {
                *ret_copy = NULL;
                *ret_length = length;
                return 0;
        }

        r = utf8_sanitize(text, length, &copy, ret_length);
        if (r < 0)
                return r;
        event_json_replace_nul(copy, *ret_length);
        *ret_copy = TAKE_PTR(copy);
        return 0;
}

void podman_fields_complete(EventFields *fields)
{
        bool exec_died = strcmp(fields->status, "exec_died") == 0;

        fields->engine = "podman";
        if (strcmp(fields->type, "container") != 0)
                return;
        if (exec_died || strcmp(fields->status, "died") == 0) {
                if (!fields->has_exit_code)
                        fields->exit_code = 0;
                fields->has_exit_code = true;
                fields->evidence = EVIDENCE_EVENT;
        }
        if (exec_died)
                fields->exec_id = event_attribute(fields, "execID");
}
