/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "names.h"
#include "variant.h"

/* The details that have a field of their own, and the type they must have on the bus. */
static const struct {
        const char *key;
        char type;
        size_t offset;
        size_t flag; /* offset of its "has" flag, or 0 */
} known[] = {
        { "exit_code", 'i', offsetof(Event, exit_code), offsetof(Event, has_exit_code) },
        { "exec_id", 's', offsetof(Event, exec_id), 0 },
        { "pod_id", 's', offsetof(Event, pod_id), 0 },
        { "network", 's', offsetof(Event, network), 0 },
        { "health_status", 's', offsetof(Event, health_status), 0 },
        { "error", 's', offsetof(Event, error), 0 },
        { "reason", 's', offsetof(Event, reason), 0 },
        { "evidence", 's', offsetof(Event, evidence), 0 },
        { "uid", 'u', offsetof(Event, uid), offsetof(Event, has_uid) },
        { "oom_killed", 'b', offsetof(Event, oom_killed), 0 },
        { "synthetic", 'b', offsetof(Event, synthetic), 0 },
        { "backlog", 'b', offsetof(Event, backlog), 0 },
        { "truncated", 'b', offsetof(Event, truncated), 0 },
        { "unrecorded", 'b', offsetof(Event, unrecorded), 0 },
        { "unsignalled", 'u', offsetof(Event, unsignalled), offsetof(Event, has_unsignalled) },
};

void event_done(Event *e)
{
        sd_bus_message_unref(e->message);
        json_object_put(e->root);
        free(e->strings);
        free(e->attributes);
        json_object_put(e->others);
        *e = (Event){};
}

static int compare_attributes(const void *a, const void *b)
{
        const EventAttribute *x = a, *y = b;

        return strcmp(x->key, y->key);
}

static int read_attributes(sd_bus_message *m, Event *e)
{
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, "a{ss}");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0) {
                EventAttribute *grown =
                        reallocarray(e->attributes, e->n_attributes + 1, sizeof(EventAttribute));
                if (!grown)
                        return -ENOMEM;
                e->attributes = grown;
                e->attributes[e->n_attributes++] = (EventAttribute){ key, value };
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        if (e->attributes)
                qsort(e->attributes, e->n_attributes, sizeof(EventAttribute), compare_attributes);
        return sd_bus_message_exit_container(m);
}

static int read_known(sd_bus_message *m, Event *e, size_t k)
{
        const char contents[] = { known[k].type, '\0' };
        void *field = (char *)e + known[k].offset;
        int truth, r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, contents);
        if (r < 0)
                return r;
        if (known[k].type == 'b') {
                r = sd_bus_message_read_basic(m, 'b', &truth);
                if (r > 0)
                        *(bool *)field = truth;
        } else {
                r = sd_bus_message_read_basic(m, known[k].type, field);
        }
        if (r < 0)
                return r;
        if (known[k].flag)
                *(bool *)((char *)e + known[k].flag) = true;
        return sd_bus_message_exit_container(m);
}

static int keep_other(sd_bus_message *m, Event *e, const char *key)
{
        json_object *value = NULL;
        int r;

        if (!e->others) {
                e->others = json_object_new_object();
                if (!e->others)
                        return -ENOMEM;
        }
        r = variant_read(m, &value);
        if (r < 0)
                return r;
        if (json_object_object_add(e->others, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

/* A detail that we know but that has another type than we know is kept with the others: a newer
 * service must not make an older client fail. */
static int read_detail(sd_bus_message *m, Event *e, const char *key)
{
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (strcmp(key, "attributes") == 0 && strcmp(contents, "a{ss}") == 0 && !e->attributes)
                return read_attributes(m, e);
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
                if (strcmp(key, known[k].key) == 0 && contents[0] == known[k].type && !contents[1])
                        return read_known(m, e, k);
        return keep_other(m, e, key);
}

static int read_details(sd_bus_message *m, Event *e)
{
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = read_detail(m, e, key);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

int event_read(sd_bus_message *m, Event *ret)
{
        _cleanup_(event_done) Event e = {};
        int r;

        r = sd_bus_message_read(m, "sssssstt", &e.type, &e.status, &e.id, &e.name, &e.image,
                                &e.engine, &e.time_nsec, &e.seq);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = read_details(m, &e);
        if (r < 0)
                return r;

        e.message = sd_bus_message_ref(m);
        *ret = e;
        e = (Event){};
        return 0;
}

/* ---- copies ---- */

static const size_t string_fields[] = {
        offsetof(Event, type),     offsetof(Event, status), offsetof(Event, id),
        offsetof(Event, name),     offsetof(Event, image),  offsetof(Event, engine),
        offsetof(Event, exec_id),  offsetof(Event, pod_id), offsetof(Event, network),
        offsetof(Event, error),    offsetof(Event, reason), offsetof(Event, health_status),
        offsetof(Event, evidence),
};

#define N_STRING_FIELDS (sizeof(string_fields) / sizeof(string_fields[0]))

static const char **string_field(const Event *e, size_t i)
{
        return (const char **)((const char *)e + string_fields[i]);
}

/* How much room a string takes; an event fits into a message, so that sums do not overflow. */
static size_t string_size(const char *string)
{
        return string ? strlen(string) + 1 : 0;
}

/* Puts a string behind those that are there. */
static void move_string(const char **string, char **end)
{
        size_t size = string_size(*string);

        if (size == 0)
                return;
        memcpy(*end, *string, size);
        *string = *end;
        *end += size;
}

static size_t strings_size(const Event *e)
{
        size_t size = 1; /* never nothing */

        for (size_t i = 0; i < N_STRING_FIELDS; i++)
                size += string_size(*string_field(e, i));
        for (size_t i = 0; i < e->n_attributes; i++)
                size += string_size(e->attributes[i].key) + string_size(e->attributes[i].value);
        return size;
}

int event_copy(const Event *e, Event *ret)
{
        _cleanup_(event_done) Event copy = *e;
        char *end;

        copy.message = NULL;
        copy.root = NULL;
        copy.others = json_object_get(e->others);
        copy.attributes = calloc(e->n_attributes + 1, sizeof(EventAttribute));
        copy.strings = end = malloc(strings_size(e));
        if (!copy.attributes || !copy.strings)
                return -ENOMEM;

        for (size_t i = 0; i < N_STRING_FIELDS; i++)
                move_string(string_field(&copy, i), &end);
        for (size_t i = 0; i < e->n_attributes; i++) {
                copy.attributes[i] = e->attributes[i];
                move_string(&copy.attributes[i].key, &end);
                move_string(&copy.attributes[i].value, &end);
        }

        *ret = copy;
        copy = (Event){};
        return 0;
}

bool event_is_health_check_exec(const Event *e)
{
        return e->reason && strcmp(e->reason, CE_REASON_HEALTH_CHECK) == 0 &&
               strcmp(e->type, "container") == 0 &&
               (strcmp(e->status, "exec_died") == 0 || strcmp(e->status, "exec_die") == 0);
}

bool event_detail_is_known(const char *key)
{
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
                if (strcmp(key, known[k].key) == 0)
                        return true;
        return strcmp(key, "attributes") == 0;
}

const char *event_attribute(const Event *e, const char *key)
{
        for (size_t i = 0; i < e->n_attributes; i++)
                if (strcmp(e->attributes[i].key, key) == 0)
                        return e->attributes[i].value;
        return NULL;
}
