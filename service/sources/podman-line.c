/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-line.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/event-json.h"

/* Valid UTF-8 without escaped NULs; NULL in *ret_copy if it was that already. */
static int clean_line(const char *line, size_t length, char **ret_copy, size_t *ret_length)
{
        static const char NUL[] = "\\u0000";
        _cleanup_free_ char *copy = NULL;
        bool has_nul = memmem(line, length, NUL, sizeof(NUL) - 1);
        size_t n = 0;
        int r;

        while (n < length && line[n] != '\0') {
                size_t character = utf8_character(line + n, length - n);

                if (character == 0)
                        break;
                n += character;
        }
        if (n == length && !has_nul)
                return 0;

        r = utf8_sanitize(line, length, &copy, ret_length);
        if (r < 0)
                return r;
        event_json_replace_nul(copy, *ret_length);
        *ret_copy = TAKE_PTR(copy);
        return 0;
}

/*
 * What Podman means and does not write. Up to 4.9 it left an exit code of 0 out, where it always
 * has one; since 5.0 it is always there. Up to 4.2 the ID of an exec session was an attribute.
 */
static void complete_fields(EventFields *fields)
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

static int make_event(const EventFields *read, uint32_t uid, bool backlog, Event **ret)
{
        EventFields fields = *read;

        complete_fields(&fields);
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

        r = clean_line(line, length, &copy, &length);
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
