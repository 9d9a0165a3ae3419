/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"

/* Keys, punctuation, numbers and what the log adds to a line. */
#define EVENT_OVERHEAD 1024

/* Where the strings of EventFields are, so that one loop copies them all. */
static const size_t required_strings[] = {
        offsetof(EventFields, type), offsetof(EventFields, status), offsetof(EventFields, id),
        offsetof(EventFields, name), offsetof(EventFields, image),  offsetof(EventFields, engine),
};

static const size_t optional_strings[] = {
        offsetof(EventFields, exec_id), offsetof(EventFields, pod_id),
        offsetof(EventFields, network), offsetof(EventFields, health_status),
        offsetof(EventFields, error),   offsetof(EventFields, reason),
};

#define N_STRINGS (ELEMENTSOF(required_strings) + ELEMENTSOF(optional_strings))

struct Event {
        unsigned n_ref;
        EventFields fields; /* strings point behind the struct; JSON objects are owned references */
        char strings[];
};

static const char **string_at(EventFields *fields, size_t i)
{
        size_t n = ELEMENTSOF(required_strings);
        size_t offset = i < n ? required_strings[i] : optional_strings[i - n];

        return (const char **)((char *)fields + offset);
}

/* How long a character is as JSON. */
static size_t json_width(const char *character, size_t length)
{
        unsigned char c = (unsigned char)*character;

        if (c >= 0x20 || length > 1)
                return c == '"' || c == '\\' ? 2 : length;
        return 6; /* \u001f; shorter for some */
}

/* How much of a string fits into a number of bytes as JSON; "ret_width" is what it then takes. */
static size_t json_fit(const char *string, size_t limit, size_t *ret_width)
{
        size_t length = strlen(string), n = 0, width = 0;

        while (n < length) {
                size_t character = utf8_character(string + n, length - n);
                size_t w;

                if (character == 0)
                        character = 1; /* not valid: counted like a control character */
                w = json_width(string + n, character);
                if (width + w > limit)
                        break;
                width += w;
                n += character;
        }

        *ret_width = width;
        return n;
}

/* What a member takes: "key":value, */
static size_t json_member_size(const char *key, struct json_object *value)
{
        size_t key_width, value_width;

        json_fit(key, SIZE_MAX, &key_width);
        if (json_object_is_type(value, json_type_string))
                json_fit(json_object_get_string(value), SIZE_MAX, &value_width);
        else if (!json_object_to_json_string_length(value, JSON_C_TO_STRING_PLAIN, &value_width))
                value_width = EVENT_SIZE_MAX; /* no memory: it cannot be kept */

        return key_width + value_width + strlen("\"\":\"\",");
}

/*
 * The leading members that fit. "budget" becomes what is left. Returns 1 if members were left out,
 * 0 if not: then *ret is a new reference to the same object.
 */
static int members_fit(struct json_object *object, size_t *budget, struct json_object **ret)
{
        _cleanup_json_ struct json_object *kept = NULL;
        struct json_object_iter member;
        size_t left = *budget;
        bool all = true;

        json_object_object_foreachC(object, member)
        {
                size_t size = json_member_size(member.key, member.val);

                if (size > left) {
                        all = false;
                        break;
                }
                left -= size;
        }
        if (all) {
                *budget = left;
                *ret = json_object_get(object);
                return 0;
        }

        kept = json_object_new_object();
        if (!kept)
                return -ENOMEM;
        json_object_object_foreachC(object, member)
        {
                size_t size = json_member_size(member.key, member.val);

                if (size > *budget)
                        break;
                if (json_add(kept, member.key, json_object_get(member.val)) < 0)
                        return -ENOMEM;
                *budget -= size;
        }

        *ret = TAKE_PTR(kept);
        return 1;
}

/* ---- UTF-8 ---- */

static bool members_are_valid(struct json_object *object)
{
        struct json_object_iter member;

        json_object_object_foreachC(object, member)
        {
                if (!utf8_is_valid(member.key))
                        return false;
                if (json_object_is_type(member.val, json_type_string) &&
                    !utf8_is_valid(json_object_get_string(member.val)))
                        return false;
        }
        return true;
}

/* A member like it with valid strings; the value is a new reference. */
static int add_valid_member(struct json_object *object, const char *key, struct json_object *value)
{
        _cleanup_free_ char *valid_key = NULL, *valid_value = NULL;
        struct json_object *copy;
        size_t length;
        int r;

        r = utf8_sanitize(key, strlen(key), &valid_key, &length);
        if (r < 0)
                return r;
        if (json_object_is_type(value, json_type_string)) {
                const char *string = json_object_get_string(value);

                r = utf8_sanitize(string, strlen(string), &valid_value, &length);
                if (r < 0)
                        return r;
                copy = json_object_new_string(valid_value);
        } else {
                copy = json_object_get(value);
        }
        return json_add(object, valid_key, copy);
}

/* The object itself if its strings are valid, else one like it; a new reference, and NULL for NULL.
 */
static int members_validate(struct json_object *object, struct json_object **ret)
{
        _cleanup_json_ struct json_object *valid = NULL;
        struct json_object_iter member;
        int r;

        if (!object || members_are_valid(object)) {
                *ret = json_object_get(object);
                return 0;
        }

        valid = json_object_new_object();
        if (!valid)
                return -ENOMEM;
        json_object_object_foreachC(object, member)
        {
                r = add_valid_member(valid, member.key, member.val);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(valid);
        return 0;
}

/* ---- event ---- */

static int event_take_members(Event *event, const EventFields *fields, size_t budget)
{
        struct json_object *given[] = { fields->attributes, fields->extra };
        struct json_object **places[] = { &event->fields.attributes, &event->fields.extra };

        for (size_t i = 0; i < ELEMENTSOF(given); i++) {
                _cleanup_json_ struct json_object *valid = NULL;
                int r;

                r = members_validate(given[i], &valid);
                if (r < 0)
                        return r;
                if (!valid)
                        continue;
                r = members_fit(valid, &budget, places[i]);
                if (r < 0)
                        return r;
                if (r > 0)
                        event->fields.truncated = true;
        }

        return 0;
}

/* Copies of strings that were not valid, for as long as an event is being made. */
typedef struct Mended {
        char *strings[N_STRINGS]; /* owned */
} Mended;

static void mended_done(Mended *mended)
{
        for (size_t i = 0; i < N_STRINGS; i++)
                free(mended->strings[i]);
}

/* Makes every string one that an event can hold. */
static int fields_validate(EventFields *fields, Mended *mended)
{
        for (size_t i = 0; i < N_STRINGS; i++) {
                const char **string = string_at(fields, i);
                size_t length;
                int r;

                if (!*string && i < ELEMENTSOF(required_strings))
                        *string = "";
                if (!*string || utf8_is_valid(*string))
                        continue;
                r = utf8_sanitize(*string, strlen(*string), mended->strings + i, &length);
                if (r < 0)
                        return r;
                *string = mended->strings[i];
        }

        return 0;
}

/* The event with its strings; *ret_budget is what they leave of its size. */
static int event_allocate(const EventFields *fields, Event **ret, size_t *ret_budget)
{
        size_t lengths[N_STRINGS], size = 0, budget = EVENT_SIZE_MAX - EVENT_OVERHEAD;
        EventFields copy = *fields;
        Event *event;
        char *p;

        for (size_t i = 0; i < N_STRINGS; i++) {
                const char *string = *string_at(&copy, i);
                size_t width;

                if (!string)
                        continue;
                lengths[i] = json_fit(string, EVENT_STRING_MAX, &width);
                if (string[lengths[i]] != '\0')
                        copy.truncated = true;
                budget -= width;
                size += lengths[i] + 1;
        }

        event = calloc(1, sizeof(Event) + size);
        if (!event)
                return -ENOMEM;
        event->n_ref = 1;
        event->fields = copy;
        event->fields.attributes = NULL;
        event->fields.extra = NULL;

        p = event->strings;
        for (size_t i = 0; i < N_STRINGS; i++) {
                const char **string = string_at(&event->fields, i);

                if (!*string)
                        continue;
                memcpy(p, *string, lengths[i]);
                *string = p;
                p += lengths[i] + 1;
        }

        *ret = event;
        *ret_budget = budget;
        return 0;
}

int event_new(const EventFields *fields, Event **ret)
{
        _cleanup_(event_unrefp) Event *event = NULL;
        _cleanup_(mended_done) Mended mended = {};
        EventFields valid = *fields;
        size_t budget;
        int r;

        if (!fields->type || !*fields->type || !fields->status || !*fields->status)
                return -EINVAL;
        r = fields_validate(&valid, &mended);
        if (r < 0)
                return r;
        r = event_allocate(&valid, &event, &budget);
        if (r < 0)
                return r;
        r = event_take_members(event, fields, budget);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(event);
        return 0;
}

Event *event_ref(Event *event)
{
        event->n_ref++;
        return event;
}

Event *event_unref(Event *event)
{
        if (!event || --event->n_ref > 0)
                return NULL;

        json_object_put(event->fields.attributes);
        json_object_put(event->fields.extra);
        free(event);
        return NULL;
}

const EventFields *event_fields(const Event *event)
{
        return &event->fields;
}
