/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "bus/detail.h"
#include "names.h"

static int append_attributes(sd_bus_message *message, const EventFields *event)
{
        int r;

        if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(message, "s", "attributes")) < 0 ||
            (r = sd_bus_message_open_container(message, 'v', "a{ss}")) < 0 ||
            (r = sd_bus_message_open_container(message, 'a', "{ss}")) < 0)
                return r;
        for (size_t i = 0; i < event->n_attributes; i++) {
                r = sd_bus_message_append(message, "{ss}", event->attributes[i].key,
                                          event->attributes[i].value);
                if (r < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(message)) < 0 ||
            (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

static bool applies(const Detail *detail, const EventFields *event)
{
        const char *base = (const char *)event;
        const void *value = base + detail->value;

        switch (detail->signature[0]) {
        case 's':
                return *(const char *const *)value;
        case 'b':
                return *(const bool *)value;
        case 'a':
                return event->n_attributes > 0;
        default:
                return *(const bool *)(base + detail->has);
        }
}

static int append_known(sd_bus_message *message, const Detail *detail, const EventFields *event)
{
        const void *value = (const char *)event + detail->value;

        if (!applies(detail, event))
                return 0;

        switch (detail->signature[0]) {
        case 's':
                return sd_bus_message_append(message, "{sv}", detail->key, "s",
                                             *(const char *const *)value);
        case 'b':
                return sd_bus_message_append(message, "{sv}", detail->key, "b", true);
        case 'a':
                return append_attributes(message, event);
        default: /* i and u are alike on the stack */
                return sd_bus_message_append(message, "{sv}", detail->key, detail->signature,
                                             *(const uint32_t *)value);
        }
}

static int append_extra(sd_bus_message *message, const char *key, struct json_object *value)
{
        /* What an engine adds does not pass for what we say. */
        if (detail_find(key))
                return 0;

        switch (json_object_get_type(value)) {
        case json_type_string:
                return sd_bus_message_append(message, "{sv}", key, "s",
                                             json_object_get_string(value));
        case json_type_boolean:
                return sd_bus_message_append(message, "{sv}", key, "b",
                                             json_object_get_boolean(value));
        case json_type_double:
                return sd_bus_message_append(message, "{sv}", key, "d",
                                             json_object_get_double(value));
        case json_type_int:
                if (json_object_get_uint64(value) > INT64_MAX)
                        return sd_bus_message_append(message, "{sv}", key, "t",
                                                     json_object_get_uint64(value));
                return sd_bus_message_append(message, "{sv}", key, "x",
                                             json_object_get_int64(value));
        default:
                return 0;
        }
}

static int append_details(sd_bus_message *message, const EventFields *event)
{
        struct json_object_iter member;
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < DETAILS_MAX; i++)
                r = append_known(message, known_details + i, event);
        if (r < 0)
                return r;
        if (event->extra) {
                json_object_object_foreachC(event->extra, member)
                {
                        r = append_extra(message, member.key, member.val);
                        if (r < 0)
                                return r;
                }
        }

        return sd_bus_message_close_container(message);
}

static int append_contents(sd_bus_message *message, const EventFields *event)
{
        int r;

        r = sd_bus_message_append(message, "sssssstt", event->type, event->status, event->id,
                                  event->name, event->image, event->engine, event->time_nsec,
                                  event->seq);
        return r < 0 ? r : append_details(message, event);
}

int bus_event_new_signal(sd_bus *bus, const EventFields *event, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_signal(bus, &message, CE_OBJECT_PATH, CE_INTERFACE,
                                      CE_SIGNAL_EVENT_EMITTED);
        if (r < 0)
                return r;
        r = append_contents(message, event);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(message);
        return 0;
}

int bus_event_append(sd_bus_message *message, const EventFields *event)
{
        int r;

        r = sd_bus_message_open_container(message, 'r', CE_EVENT_CONTENTS);
        if (r < 0)
                return r;
        r = append_contents(message, event);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(message);
}

/* A string with its length, its NUL and padding; a variant's signature; the key. */
#define STRING_OVERHEAD 16
#define DETAIL_OVERHEAD 48

static size_t string_size(const char *string)
{
        return string ? strlen(string) + STRING_OVERHEAD : 0;
}

static size_t attributes_size(const EventFields *event)
{
        size_t size = 0;

        for (size_t i = 0; i < event->n_attributes; i++)
                size += string_size(event->attributes[i].key) +
                        string_size(event->attributes[i].value) + DETAIL_OVERHEAD;
        return size;
}

static size_t members_size(struct json_object *object)
{
        struct json_object_iter member;
        size_t size = 0;

        if (!object)
                return 0;
        json_object_object_foreachC(object, member)
        {
                size += string_size(member.key) + DETAIL_OVERHEAD;
                if (json_object_is_type(member.val, json_type_string))
                        size += (size_t)json_object_get_string_len(member.val);
        }
        return size;
}

static size_t count_known(const EventFields *event)
{
        size_t n = 0;

        for (size_t i = 0; i < DETAILS_MAX; i++)
                n += applies(known_details + i, event);
        return n;
}

size_t bus_event_size(const EventFields *event)
{
        return string_size(event->type) + string_size(event->status) + string_size(event->id) +
               string_size(event->name) + string_size(event->image) + string_size(event->engine) +
               string_size(event->exec_id) + string_size(event->pod_id) +
               string_size(event->network) + string_size(event->health_status) +
               string_size(event->error) + string_size(event->reason) +
               string_size(event->evidence) + attributes_size(event) + members_size(event->extra) +
               count_known(event) * DETAIL_OVERHEAD;
}
