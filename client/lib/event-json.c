/* SPDX-License-Identifier: Apache-2.0 */
#include "event-json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "escape.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* RFC 3339 in UTC, the fraction without trailing zeros, as in the history. */
static json_object *time_to_json(uint64_t time_nsec)
{
        time_t sec = (time_t)(time_nsec / NSEC_PER_SEC);
        uint64_t nsec = time_nsec % NSEC_PER_SEC;
        char text[64], fraction[16] = "";
        struct tm tm;
        int digits = 9;
        size_t n;

        if (!gmtime_r(&sec, &tm))
                return NULL;
        for (; nsec > 0 && nsec % 10 == 0; nsec /= 10)
                digits--;
        if (nsec > 0)
                snprintf(fraction, sizeof(fraction), ".%0*" PRIu64, digits, nsec);
        n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text + n, sizeof(text) - n, "%sZ", fraction);
        return json_object_new_string(text);
}

/* Adds a member, which it takes even on failure; a NULL value is a failure. */
static int add(json_object *object, const char *key, json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static int add_string(json_object *object, const char *key, const char *value)
{
        return value && *value ? add(object, key, json_object_new_string(value)) : 0;
}

static int add_true(json_object *object, const char *key, bool value)
{
        return value ? add(object, key, json_object_new_boolean(true)) : 0;
}

static int add_attributes(json_object *object, const Event *e)
{
        _cleanup_json_ json_object *attributes = NULL;
        int r;

        if (e->n_attributes == 0)
                return 0;
        attributes = json_object_new_object();
        if (!attributes)
                return -ENOMEM;
        for (size_t i = 0; i < e->n_attributes; i++) {
                r = add(attributes, e->attributes[i].key,
                        json_object_new_string(e->attributes[i].value));
                if (r < 0)
                        return r;
        }
        return add(object, "Attributes", TAKE_PTR(attributes));
}

static int add_podman_keys(json_object *object, const Event *e)
{
        int r = 0;

        if (e->has_exit_code)
                r = add(object, "ContainerExitCode", json_object_new_int(e->exit_code));
        if (r < 0 || (r = add_true(object, "OOMKilled", e->oom_killed)) < 0 ||
            (r = add_string(object, "ID", e->id)) < 0 ||
            (r = add_string(object, "Image", e->image)) < 0 ||
            (r = add_string(object, "Name", e->name)) < 0 ||
            (r = add_string(object, "network", e->network)) < 0 ||
            (r = add_string(object, "Status", e->status)) < 0 ||
            (r = add(object, "Time", time_to_json(e->time_nsec))) < 0 ||
            (r = add_string(object, "Type", e->type)) < 0 ||
            (r = add_string(object, "health_status", e->health_status)) < 0 ||
            (r = add_string(object, "error", e->error)) < 0 ||
            (r = add_string(object, "PodID", e->pod_id)) < 0)
                return r;
        return add_attributes(object, e);
}

/* As Podman's command line has them. */
static int add_times(json_object *object, const Event *e)
{
        int r;

        r = add(object, "time", json_object_new_uint64(e->time_nsec / NSEC_PER_SEC));
        return r < 0 ? r : add(object, "timeNano", json_object_new_uint64(e->time_nsec));
}

static int add_our_keys(json_object *object, const Event *e)
{
        int r;

        r = add(object, "Seq", json_object_new_uint64(e->seq));
        if (r >= 0)
                r = add_string(object, "Engine", e->engine);
        if (r >= 0)
                r = add_string(object, "ExecID", e->exec_id);
        if (r >= 0 && e->has_uid)
                r = add(object, "UID", json_object_new_int64(e->uid));
        if (r >= 0)
                r = add_true(object, "Synthetic", e->synthetic);
        if (r >= 0)
                r = add_string(object, "Reason", e->reason);
        if (r >= 0)
                r = add_string(object, "Evidence", e->evidence);
        if (r >= 0)
                r = add_true(object, "Truncated", e->truncated);
        if (r >= 0)
                r = add_true(object, "Backlog", e->backlog);
        return r < 0 ? r : add_true(object, "Unrecorded", e->unrecorded);
}

static bool is_key(const char *name)
{
        static const char *const keys[] = {
                "ContainerExitCode",
                "OOMKilled",
                "ID",
                "Image",
                "Name",
                "network",
                "Status",
                "Time",
                "Type",
                "error",
                "PodID",
                "health_status",
                "Attributes",
                "time",
                "Seq",
                "Engine",
                "timeNano",
                "ExecID",
                "UID",
                "Synthetic",
                "Reason",
                "Evidence",
                "Cursor",
                "Truncated",
                "Backlog",
                "Unrecorded",
                "Extra",
                "Position",
                "CRC",
        };

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(name, keys[i]) == 0)
                        return true;
        return false;
}

/* Details that we do not know, under their names. One that has the name of a key of ours must not
 * pass for it, so it goes into "Extra", where the history keeps all of them. */
static int add_others(json_object *object, const Event *e)
{
        _cleanup_json_ json_object *extra = NULL;

        if (!e->others)
                return 0;
        json_object_object_foreach(e->others, key, value) {
                bool taken = is_key(key);

                if (taken && !extra) {
                        extra = json_object_new_object();
                        if (!extra)
                                return -ENOMEM;
                }
                if (json_object_object_add(taken ? extra : object, key, json_object_get(value)) <
                    0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
        }
        return extra ? add(object, "Extra", TAKE_PTR(extra)) : 0;
}

int event_to_json(const Event *e, const char *cursor, json_object **ret)
{
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = add_podman_keys(object, e);
        if (r >= 0)
                r = add_times(object, e);
        if (r >= 0)
                r = add_our_keys(object, e);
        if (r >= 0)
                r = add_others(object, e);
        if (r >= 0)
                r = add_string(object, "Cursor", cursor);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(object);
        return 0;
}

int event_to_record(const Event *e, json_object **ret)
{
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = add_podman_keys(object, e);
        if (r >= 0)
                r = add_our_keys(object, e);
        if (r >= 0 && e->others && json_object_object_length(e->others) > 0)
                r = add(object, "Extra", json_object_get(e->others));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(object);
        return 0;
}

int json_print(FILE *f, json_object *object)
{
        const char *text = json_object_to_json_string_ext(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        if (!text)
                return -ENOMEM;
        escape_print_json(f, text);
        fputc('\n', f);
        return 0;
}
