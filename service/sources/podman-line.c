/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-line.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "model/event-json.h"
#include "sources/podman-fields.h"

static int make_event(const EventFields *read, uint32_t uid, bool backlog, Event **ret)
{
        EventFields fields = *read;

        podman_fields_complete(&fields);
        fields.uid = uid;
        fields.has_uid = true;
        fields.backlog = backlog;
        return event_new(&fields, ret);
}

/* A line that is not quite as Podman writes it. */
static int parse_any(const char *line, size_t length, uint32_t uid, bool backlog, Event **ret)
{
        _cleanup_json_ struct json_object *root = NULL;
        _cleanup_free_ char *copy = NULL;
        EventFields fields;
        int r;

        r = podman_json_clean(line, length, &copy, &length);
        if (r < 0)
                return r;
        r = event_json_tokenize(copy ? copy : line, length, &root);
        if (r < 0)
                return r;
        r = event_json_read(root, EVENT_JSON_PODMAN, &fields);
        if (r < 0)
                return r;

        return make_event(&fields, uid, backlog, ret);
}

int podman_line_parse(EventScanner *scanner, const char *line, size_t length, uint32_t uid,
                      bool backlog, Event **ret)
{
        const EventFields *fields;
        int r;

        r = event_scanner_read(scanner, line, length, EVENT_JSON_PODMAN, &fields);
        if (r < 0)
                return r;
        return r > 0 ? make_event(fields, uid, backlog, ret)
                     : parse_any(line, length, uid, backlog, ret);
}

bool podman_line_is_rotation(const char *line, size_t length)
{
        static const char MARK[] = "\"log-rotation\"";
        _cleanup_json_ struct json_object *root = NULL;
        EventFields fields;

        /* A label may have that value too, so what looks like it is parsed. */
        return memmem(line, length, MARK, sizeof(MARK) - 1) &&
               event_json_tokenize(line, length, &root) >= 0 &&
               event_json_read(root, EVENT_JSON_PODMAN, &fields) >= 0 &&
               strcmp(fields.type, "system") == 0 && strcmp(fields.status, "log-rotation") == 0;
}
