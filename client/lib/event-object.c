/* SPDX-License-Identifier: Apache-2.0 */
#include "event-object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "event-json.h"
#include "public.h"
#include "text-stream.h"

int event_object_new(const Event *e, const char *cursor, cev_event **ret)
{
        _cleanup_(cev_event_unrefp) cev_event *object = calloc(1, sizeof(cev_event));
        int r;

        if (!object)
                return -ENOMEM;
        object->n_ref = 1;
        if (cursor) {
                object->cursor = strdup(cursor);
                if (!object->cursor)
                        return -ENOMEM;
        }
        r = event_copy(e, &object->event);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(object);
        return 0;
}

_public_ cev_event *cev_event_ref(cev_event *e)
{
        if (e)
                e->n_ref++;
        return e;
}

_public_ cev_event *cev_event_unref(cev_event *e)
{
        if (!e || --e->n_ref > 0)
                return NULL;
        event_done(&e->event);
        free(e->cursor);
        free(e);
        return NULL;
}

/* ---- what an event always has ---- */

_public_ const char *cev_event_get_type(const cev_event *e)
{
        return e->event.type ?: "";
}

_public_ const char *cev_event_get_status(const cev_event *e)
{
        return e->event.status ?: "";
}

_public_ const char *cev_event_get_id(const cev_event *e)
{
        return e->event.id ?: "";
}

_public_ const char *cev_event_get_name(const cev_event *e)
{
        return e->event.name ?: "";
}

_public_ const char *cev_event_get_image(const cev_event *e)
{
        return e->event.image ?: "";
}

_public_ const char *cev_event_get_engine(const cev_event *e)
{
        return e->event.engine ?: "";
}

_public_ uint64_t cev_event_get_time_nsec(const cev_event *e)
{
        return e->event.time_nsec;
}

_public_ uint64_t cev_event_get_seq(const cev_event *e)
{
        return e->event.seq;
}

_public_ const char *cev_event_get_cursor(const cev_event *e)
{
        return e->cursor ?: "";
}

/* ---- what it may have ---- */

_public_ const char *cev_event_get_exec_id(const cev_event *e)
{
        return e->event.exec_id;
}

_public_ const char *cev_event_get_pod_id(const cev_event *e)
{
        return e->event.pod_id;
}

_public_ const char *cev_event_get_network(const cev_event *e)
{
        return e->event.network;
}

_public_ const char *cev_event_get_health_status(const cev_event *e)
{
        return e->event.health_status;
}

_public_ const char *cev_event_get_error(const cev_event *e)
{
        return e->event.error;
}

_public_ const char *cev_event_get_reason(const cev_event *e)
{
        return e->event.reason;
}

_public_ const char *cev_event_get_evidence(const cev_event *e)
{
        return e->event.evidence;
}

_public_ int cev_event_get_exit_code(const cev_event *e, int *ret)
{
        if (!e->event.has_exit_code)
                return -ENODATA;
        *ret = e->event.exit_code;
        return 0;
}

_public_ int cev_event_get_uid(const cev_event *e, uid_t *ret)
{
        if (!e->event.has_uid)
                return -ENODATA;
        *ret = e->event.uid;
        return 0;
}

_public_ bool cev_event_is_oom_killed(const cev_event *e)
{
        return e->event.oom_killed;
}

_public_ bool cev_event_is_synthetic(const cev_event *e)
{
        return e->event.synthetic;
}

_public_ bool cev_event_is_backlog(const cev_event *e)
{
        return e->event.backlog;
}

_public_ bool cev_event_is_truncated(const cev_event *e)
{
        return e->event.truncated;
}

_public_ bool cev_event_is_unrecorded(const cev_event *e)
{
        return e->event.unrecorded;
}

_public_ const char *cev_event_get_detail(const cev_event *e, const char *key)
{
        json_object *value;

        if (!e->event.others || !json_object_object_get_ex(e->event.others, key, &value))
                return NULL;
        return json_object_get_string(value);
}

/* ---- labels ---- */

_public_ const char *cev_event_get_label(const cev_event *e, const char *key)
{
        return event_attribute(&e->event, key);
}

_public_ int cev_event_get_label_at(const cev_event *e, size_t i, const char **ret_key,
                                    const char **ret_value)
{
        if (i >= e->event.n_attributes)
                return -ENOENT;
        *ret_key = e->event.attributes[i].key;
        *ret_value = e->event.attributes[i].value;
        return 0;
}

/* ---- JSON ---- */

_public_ int cev_event_to_json(const cev_event *e, char **ret)
{
        _cleanup_json_ json_object *object = NULL;
        _cleanup_(text_stream_done) TextStream s = {};
        _cleanup_free_ char *line = NULL;
        int r;

        r = event_to_json(&e->event, e->cursor, &object);
        if (r >= 0)
                r = text_stream_open(&s);
        if (r >= 0)
                r = json_print(s.file, object);
        if (r >= 0)
                r = text_stream_close(&s, &line);
        if (r < 0)
                return r;
        line[strlen(line) - 1] = '\0'; /* its "\n" */

        *ret = TAKE_PTR(line);
        return 0;
}
