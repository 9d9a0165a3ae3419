/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event-json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "model/timestamp.h"

/* The deepest that a line goes is Attributes; room for engines that add more, which we leave out.
 */
#define JSON_DEPTH_MAX 16

/* Where the engine's additions stand in our record. */
#define KEY_EXTRA "Extra"

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

int event_json_tokenize(const char *text, size_t length, struct json_object **ret)
{
        _cleanup_(json_tokener_freep) struct json_tokener *tokener = NULL;
        _cleanup_json_ struct json_object *root = NULL;

        if (length > INT_MAX)
                return -EBADMSG;
        tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);

        root = json_tokener_parse_ex(tokener, text, (int)length);
        if (!root || json_tokener_get_parse_end(tokener) != length ||
            !json_object_is_type(root, json_type_object))
                return -EBADMSG;

        *ret = TAKE_PTR(root);
        return 0;
}

void event_json_replace_nul(char *text, size_t length)
{
        static const char NUL[] = "u0000", REPLACEMENT[] = "ufffd";
        const size_t n = sizeof(NUL) - 1;

        for (size_t i = 0; i + 1 < length; i++) {
                if (text[i] != '\\')
                        continue;
                i++; /* what is escaped, so that the second backslash of two escapes nothing */
                if (length - i >= n && memcmp(text + i, NUL, n) == 0)
                        memcpy(text + i, REPLACEMENT, n);
        }
}

/* ---- reading ---- */

/* Each reads one value into the fields; -EBADMSG for one of the wrong type. */

static int read_string(struct json_object *value, const char **ret)
{
        const char *string;

        if (!json_object_is_type(value, json_type_string))
                return -EBADMSG;
        string = json_object_get_string(value);
        /* An escaped NUL would cut the string short unseen. */
        if (strlen(string) != (size_t)json_object_get_string_len(value))
                return -EBADMSG;

        *ret = string;
        return 0;
}

static int read_integer(struct json_object *value, int64_t least, int64_t most, int64_t *ret)
{
        int64_t number;

        if (!json_object_is_type(value, json_type_int))
                return -EBADMSG;
        number = json_object_get_int64(value);
        if (number < least || number > most)
                return -EBADMSG;

        *ret = number;
        return 0;
}

static int read_flag(struct json_object *value, bool *ret)
{
        if (!json_object_is_type(value, json_type_boolean))
                return -EBADMSG;

        *ret = json_object_get_boolean(value);
        return 0;
}

static int read_exit_code(struct json_object *value, EventFields *fields)
{
        int64_t number;
        int r;

        r = read_integer(value, INT32_MIN, INT32_MAX, &number);
        if (r < 0)
                return r;
        fields->exit_code = (int32_t)number;
        fields->has_exit_code = true;
        return 0;
}

static int read_uid(struct json_object *value, EventFields *fields)
{
        int64_t number;
        int r;

        r = read_integer(value, 0, UINT32_MAX, &number);
        if (r < 0)
                return r;
        fields->uid = (uint32_t)number;
        fields->has_uid = true;
        return 0;
}

static int read_seq(struct json_object *value, EventFields *fields)
{
        if (!json_object_is_type(value, json_type_int))
                return -EBADMSG;
        fields->seq = json_object_get_uint64(value);
        return fields->seq > 0 ? 0 : -EBADMSG;
}

static int read_time(struct json_object *value, EventFields *fields)
{
        const char *text;
        int r;

        r = read_string(value, &text);
        if (r < 0)
                return r;
        return timestamp_parse(text, &fields->time_nsec) < 0 ? -EBADMSG : 0;
}

static void attributes_free(struct json_object *object, void *attributes)
{
        free(attributes);
}

int event_json_attributes(struct json_object *object, const EventAttribute **ret, size_t *ret_n)
{
        _cleanup_free_ EventAttribute *attributes = NULL;
        struct json_object_iter member;
        size_t n = 0;

        if (json_object_object_length(object) == 0) {
                *ret = NULL;
                *ret_n = 0;
                return 0;
        }

        attributes = reallocarray(NULL, (size_t)json_object_object_length(object),
                                  sizeof(EventAttribute));
        if (!attributes)
                return -ENOMEM;
        json_object_object_foreachC(object, member)
        {
                attributes[n].key = member.key;
                if (read_string(member.val, &attributes[n++].value) < 0)
                        return -EBADMSG;
        }

        *ret = attributes;
        *ret_n = n;
        json_object_set_userdata(object, TAKE_PTR(attributes), attributes_free);
        return 0;
}

/* Podman writes null where there are no attributes. */
static int read_attributes(struct json_object *value, EventFields *fields)
{
        if (!value)
                return 0;
        if (!json_object_is_type(value, json_type_object))
                return -EBADMSG;
        return event_json_attributes(value, &fields->attributes, &fields->n_attributes);
}

static int read_extra(struct json_object *value, EventFields *fields)
{
        if (!json_object_is_type(value, json_type_object))
                return -EBADMSG;
        if (json_object_object_length(value) > 0)
                fields->extra = value;
        return 0;
}

/* Podman's decoder takes keys in any case, but every version of its encoder writes these. */
static const struct {
        const char *key;
        bool ours;
        int (*read)(struct json_object *value, EventFields *fields);
        size_t string; /* offset of a string */
        size_t flag;   /* offset of a bool */
} readers[] = {
#define STRING(field) .string = offsetof(EventFields, field)
#define FLAG(field)   .flag = offsetof(EventFields, field)
        { "ContainerExitCode", false, .read = read_exit_code },
        { "OOMKilled", false, FLAG(oom_killed) },
        { "ID", false, STRING(id) },
        { "Image", false, STRING(image) },
        { "Name", false, STRING(name) },
        { "network", false, STRING(network) },
        { "Status", false, STRING(status) },
        { "Time", false, .read = read_time },
        { "Type", false, .read = NULL, STRING(type) },
        { "health_status", false, STRING(health_status) },
        { "error", false, STRING(error) },
        { "PodID", false, STRING(pod_id) },
        { "Attributes", false, .read = read_attributes },
        { "Seq", true, .read = read_seq },
        { "Engine", true, STRING(engine) },
        { "ExecID", true, STRING(exec_id) },
        { "UID", true, .read = read_uid },
        { "Synthetic", true, FLAG(synthetic) },
        { "Reason", true, STRING(reason) },
        { "Evidence", true, STRING(evidence) },
        { "Truncated", true, FLAG(truncated) },
        { "Backlog", true, FLAG(backlog) },
        { KEY_EXTRA, true, .read = read_extra },
#undef STRING
#undef FLAG
};

/* Returns 1 if the key is known in this form and was read, 0 if it is not known. */
static int read_member(const char *key, struct json_object *value, EventJsonForm form,
                       EventFields *fields)
{
        for (size_t i = 0; i < ELEMENTSOF(readers); i++) {
                char *base = (char *)fields;
                int r;

                if (strcmp(readers[i].key, key) != 0)
                        continue;
                if (readers[i].ours && form == EVENT_JSON_PODMAN)
                        return 0;
                if (readers[i].read)
                        r = readers[i].read(value, fields);
                else if (readers[i].flag)
                        r = read_flag(value, (bool *)(base + readers[i].flag));
                else
                        r = read_string(value, (const char **)(base + readers[i].string));
                return r < 0 ? r : 1;
        }

        return 0;
}

static bool is_scalar(struct json_object *value)
{
        const char *string;

        return json_object_is_type(value, json_type_boolean) ||
               json_object_is_type(value, json_type_int) ||
               /* json-c takes infinity for a number, and JSON has none. */
               (json_object_is_type(value, json_type_double) &&
                isfinite(json_object_get_double(value))) ||
               read_string(value, &string) >= 0;
}

/*
 * Adds an unknown member of the engine's to "extra", which is made when there is none yet. A number
 * is made anew: json-c would write it with as many digits as it came with.
 */
static int keep_extra(struct json_object **extra, const char *key, struct json_object *value)
{
        if (!is_scalar(value))
                return 0;
        if (!*extra)
                *extra = json_object_new_object();
        if (!*extra)
                return -ENOMEM;

        return json_add(*extra, key,
                        json_object_is_type(value, json_type_double)
                                ? json_object_new_double(json_object_get_double(value))
                                : json_object_get(value));
}

int event_json_read(struct json_object *root, EventJsonForm form, EventFields *ret)
{
        _cleanup_json_ struct json_object *extra = NULL;
        struct json_object_iter member;
        EventFields fields = {};
        int r;

        json_object_object_foreachC(root, member)
        {
                r = read_member(member.key, member.val, form, &fields);
                if (r == 0 && form == EVENT_JSON_PODMAN)
                        r = keep_extra(&extra, member.key, member.val);
                if (r < 0)
                        return r;
        }
        if (!fields.type || !*fields.type || !fields.status || !*fields.status ||
            !json_object_object_get_ex(root, "Time", NULL))
                return -EBADMSG;
        if (form == EVENT_JSON_RECORD && fields.seq == 0)
                return -EBADMSG;

        if (extra) {
                /* The fields borrow from the root, so the root must hold it. */
                fields.extra = extra;
                r = json_add(root, KEY_EXTRA, TAKE_PTR(extra));
                if (r < 0)
                        return r;
        }

        *ret = fields;
        return 0;
}

/* ---- writing ---- */

/* With what stands before and behind it; "start" tells where the object starts. */
static void put_key(Buffer *buffer, size_t start, const char *key)
{
        buffer_put(buffer, buffer->size == start ? "{\"" : ",\"", 2);
        buffer_put(buffer, key, strlen(key));
        buffer_put_literal(buffer, "\":");
}

/* Absent is NULL or "". */
static void put_string(Buffer *buffer, size_t start, const char *key, const char *string)
{
        if (!string || !*string)
                return;
        put_key(buffer, start, key);
        json_put_string(buffer, string);
}

static void put_flag(Buffer *buffer, size_t start, const char *key, bool flag)
{
        if (!flag)
                return;
        put_key(buffer, start, key);
        buffer_put_literal(buffer, "true");
}

static void put_attributes(Buffer *buffer, const EventFields *fields)
{
        for (size_t i = 0; i < fields->n_attributes; i++) {
                buffer_put(buffer, i == 0 ? "{" : ",", 1);
                json_put_string(buffer, fields->attributes[i].key);
                buffer_put_literal(buffer, ":");
                json_put_string(buffer, fields->attributes[i].value);
        }
        buffer_put_literal(buffer, "}");
}

static void put_podman_keys(Buffer *buffer, size_t start, const EventFields *fields)
{
        char time[TIMESTAMP_SIZE];

        timestamp_format(fields->time_nsec, time);

        if (fields->has_exit_code) {
                put_key(buffer, start, "ContainerExitCode");
                buffer_put_i64(buffer, fields->exit_code);
        }
        put_flag(buffer, start, "OOMKilled", fields->oom_killed);
        put_string(buffer, start, "ID", fields->id);
        put_string(buffer, start, "Image", fields->image);
        put_string(buffer, start, "Name", fields->name);
        put_string(buffer, start, "network", fields->network);
        put_string(buffer, start, "Status", fields->status);
        put_string(buffer, start, "Time", time);
        put_string(buffer, start, "Type", fields->type);
        put_string(buffer, start, "health_status", fields->health_status);
        put_string(buffer, start, "error", fields->error);
        put_string(buffer, start, "PodID", fields->pod_id);
        if (fields->n_attributes > 0) {
                put_key(buffer, start, "Attributes");
                put_attributes(buffer, fields);
        }
}

/* What the engine added is left to json-c: it is rare, and has numbers of any kind. */
static void put_extra(Buffer *buffer, size_t start, struct json_object *extra)
{
        const char *text;
        size_t length;

        if (!extra)
                return;
        text = event_json_text(extra, &length);
        if (!text) {
                buffer->failed = true;
                return;
        }
        put_key(buffer, start, KEY_EXTRA);
        buffer_put(buffer, text, length);
}

static void put_our_keys(Buffer *buffer, size_t start, const EventFields *fields, uint64_t seq)
{
        put_key(buffer, start, "Seq");
        buffer_put_u64(buffer, seq);
        put_string(buffer, start, "Engine", fields->engine);
        put_string(buffer, start, "ExecID", fields->exec_id);
        if (fields->has_uid) {
                put_key(buffer, start, "UID");
                buffer_put_u64(buffer, fields->uid);
        }
        put_flag(buffer, start, "Synthetic", fields->synthetic);
        put_string(buffer, start, "Reason", fields->reason);
        put_string(buffer, start, "Evidence", fields->evidence);
        put_flag(buffer, start, "Truncated", fields->truncated);
        put_flag(buffer, start, "Backlog", fields->backlog);
        put_extra(buffer, start, fields->extra);
}

int event_json_put(Buffer *buffer, const EventFields *fields, uint64_t seq)
{
        size_t start = buffer->size;

        put_podman_keys(buffer, start, fields);
        put_our_keys(buffer, start, fields, seq);
        buffer_put_literal(buffer, "}");
        return buffer_end(buffer, start);
}

const char *event_json_text(struct json_object *object, size_t *ret_length)
{
        return json_object_to_json_string_length(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_length);
}
