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

/* Absent is NULL or "". */
static int add_string(struct json_object *root, const char *key, const char *string)
{
        return string && *string ? json_add(root, key, json_object_new_string(string)) : 0;
}

static int add_flag(struct json_object *root, const char *key, bool flag)
{
        return flag ? json_add(root, key, json_object_new_boolean(true)) : 0;
}

static int add_attributes(struct json_object *root, const EventFields *fields)
{
        _cleanup_json_ struct json_object *object = NULL;

        if (fields->n_attributes == 0)
                return 0;
        object = json_object_new_object();
        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < fields->n_attributes; i++) {
                const EventAttribute *attribute = fields->attributes + i;
                int r;

                r = json_add(object, attribute->key, json_object_new_string(attribute->value));
                if (r < 0)
                        return r;
        }

        return json_add(root, "Attributes", TAKE_PTR(object));
}

static int add_podman_keys(struct json_object *root, const EventFields *fields)
{
        char time[TIMESTAMP_SIZE];
        int r = 0;

        timestamp_format(fields->time_nsec, time);

        if (fields->has_exit_code)
                r = json_add(root, "ContainerExitCode", json_object_new_int(fields->exit_code));
        if (r < 0 || (r = add_flag(root, "OOMKilled", fields->oom_killed)) < 0 ||
            (r = add_string(root, "ID", fields->id)) < 0 ||
            (r = add_string(root, "Image", fields->image)) < 0 ||
            (r = add_string(root, "Name", fields->name)) < 0 ||
            (r = add_string(root, "network", fields->network)) < 0 ||
            (r = add_string(root, "Status", fields->status)) < 0 ||
            (r = add_string(root, "Time", time)) < 0 ||
            (r = add_string(root, "Type", fields->type)) < 0 ||
            (r = add_string(root, "health_status", fields->health_status)) < 0 ||
            (r = add_string(root, "error", fields->error)) < 0 ||
            (r = add_string(root, "PodID", fields->pod_id)) < 0)
                return r;

        return add_attributes(root, fields);
}

static int add_our_keys(struct json_object *root, const EventFields *fields, uint64_t seq)
{
        int r;

        r = json_add(root, "Seq", json_object_new_uint64(seq));
        if (r < 0 || (r = add_string(root, "Engine", fields->engine)) < 0 ||
            (r = add_string(root, "ExecID", fields->exec_id)) < 0)
                return r;
        if (fields->has_uid) {
                r = json_add(root, "UID", json_object_new_int64(fields->uid));
                if (r < 0)
                        return r;
        }
        if ((r = add_flag(root, "Synthetic", fields->synthetic)) < 0 ||
            (r = add_string(root, "Reason", fields->reason)) < 0 ||
            (r = add_flag(root, "Truncated", fields->truncated)) < 0 ||
            (r = add_flag(root, "Backlog", fields->backlog)) < 0)
                return r;

        if (fields->extra)
                return json_add(root, KEY_EXTRA, json_object_get(fields->extra));
        return 0;
}

int event_json_write(const Event *event, uint64_t seq, struct json_object **ret)
{
        _cleanup_json_ struct json_object *root = NULL;
        const EventFields *fields = event_fields(event);
        int r;

        root = json_object_new_object();
        if (!root)
                return -ENOMEM;
        r = add_podman_keys(root, fields);
        if (r < 0)
                return r;
        r = add_our_keys(root, fields, seq);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(root);
        return 0;
}

const char *event_json_text(struct json_object *object, size_t *ret_length)
{
        return json_object_to_json_string_length(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_length);
}
