/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events for tests.
 */

#include <json-c/json.h>

#include "model/event-json.h"
#include "model/event.h"
#include "scratch.h"

#define _cleanup_event_ _cleanup_(event_unrefp)

#define SAMPLE_ID   "fde8d54f84b3d0ee1bbb1f6cc7ac7b4ae4c8d0ee1bbb1f6cc7ac7b4ae4c8d0ee"
#define SAMPLE_TIME UINT64_C(1795302833860408609) /* 2026-11-21T23:13:53.860408609Z */

static inline Event *event_of(const EventFields *fields)
{
        Event *event;

        must(event_new(fields, &event) == 0);
        return event;
}

/* A container that died with the code 0 .. 255 that the number has. */
static inline Event *event_numbered(uint64_t number)
{
        char name[32];
        const EventFields fields = {
                .type = "container",
                .status = "died",
                .id = SAMPLE_ID,
                .name = name,
                .image = "localhost/bb:latest",
                .engine = "podman",
                .time_nsec = SAMPLE_TIME + number,
                .exit_code = (int32_t)(number % 256),
                .has_exit_code = true,
        };

        snprintf(name, sizeof(name), "c%" PRIu64, number);
        return event_of(&fields);
}

/* The caller owns it. */
static inline struct json_object *json_of(const char *text)
{
        struct json_object *object = json_tokener_parse(text);

        must(object);
        return object;
}

/* The fields borrow the labels from the object. */
static inline void set_labels(EventFields *fields, struct json_object *object)
{
        must(event_json_attributes(object, &fields->attributes, &fields->n_attributes) == 0);
}

static inline bool has_labels(const EventFields *fields, struct json_object *object)
{
        struct json_object_iter member;
        size_t n = 0;

        json_object_object_foreachC(object, member)
        {
                if (n >= fields->n_attributes ||
                    strcmp(fields->attributes[n].key, member.key) != 0 ||
                    strcmp(fields->attributes[n].value, json_object_get_string(member.val)) != 0)
                        return false;
                n++;
        }
        return n == fields->n_attributes;
}

static inline char *repeated(char c, size_t n)
{
        char *text = malloc(n + 1);

        must(text);
        memset(text, c, n);
        text[n] = '\0';
        return text;
}
