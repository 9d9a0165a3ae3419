/* SPDX-License-Identifier: Apache-2.0 */
#include "model/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/event-json.h"
#include "model/vocabulary.h"
#include "names.h"

/* Keys, punctuation, numbers and what the log adds to a line. */
#define EVENT_OVERHEAD 1024

/* "":"", */
#define MEMBER_PUNCTUATION 6

/* Where the strings of EventFields are, so that one loop copies them all. */
static const size_t required_strings[] = {
        offsetof(EventFields, type), offsetof(EventFields, status), offsetof(EventFields, id),
        offsetof(EventFields, name), offsetof(EventFields, image),  offsetof(EventFields, engine),
};

static const size_t optional_strings[] = {
        offsetof(EventFields, exec_id),  offsetof(EventFields, pod_id),
        offsetof(EventFields, network),  offsetof(EventFields, health_status),
        offsetof(EventFields, error),    offsetof(EventFields, reason),
        offsetof(EventFields, evidence),
};

#define N_STRINGS (ELEMENTSOF(required_strings) + ELEMENTSOF(optional_strings))

struct Event {
        unsigned n_ref;
        EventFields fields;          /* points behind the struct; "extra" is an owned reference */
        EventAttribute attributes[]; /* and behind them the strings */
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
        size_t length = strlen(string), n = json_plain(string, length < limit ? length : limit),
               width = n;

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

        return key_width + value_width + MEMBER_PUNCTUATION;
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

static bool attributes_are_valid(const EventFields *fields)
{
        for (size_t i = 0; i < fields->n_attributes; i++)
                if (!utf8_is_valid(fields->attributes[i].key) ||
                    !utf8_is_valid(fields->attributes[i].value))
                        return false;

        return true;
}

/* Puts valid ones in the place of the attributes, which "owner" then holds: of two keys that became
 * alike the last one counts. */
static int attributes_validate(EventFields *fields, struct json_object **owner)
{
        _cleanup_json_ struct json_object *valid = NULL;
        int r;

        if (attributes_are_valid(fields))
                return 0;

        valid = json_object_new_object();
        if (!valid)
                return -ENOMEM;
        for (size_t i = 0; i < fields->n_attributes; i++) {
                _cleanup_free_ char *key = NULL, *value = NULL;
                const EventAttribute *attribute = fields->attributes + i;
                size_t length;

                if ((r = utf8_sanitize(attribute->key, strlen(attribute->key), &key, &length)) <
                            0 ||
                    (r = utf8_sanitize(attribute->value, strlen(attribute->value), &value,
                                       &length)) < 0 ||
                    (r = json_add(valid, key, json_object_new_string(value))) < 0)
                        return r;
        }
        r = event_json_attributes(valid, &fields->attributes, &fields->n_attributes);
        if (r < 0)
                return r;

        *owner = TAKE_PTR(valid);
        return 0;
}

/* What had to be made anew of what was given, for as long as an event is being made. */
typedef struct Mended {
        char *strings[N_STRINGS];       /* owned */
        struct json_object *attributes; /* owned */
        struct json_object *extra;      /* owned */
} Mended;

static void mended_done(Mended *mended)
{
        for (size_t i = 0; i < N_STRINGS; i++)
                free(mended->strings[i]);
        json_object_put(mended->attributes);
        json_object_put(mended->extra);
}

/* Makes every string one that an event can hold. */
static int fields_validate(EventFields *fields, Mended *mended)
{
        int r;

        for (size_t i = 0; i < N_STRINGS; i++) {
                const char **string = string_at(fields, i);
                size_t length;

                if (!*string && i < ELEMENTSOF(required_strings))
                        *string = "";
                if (!*string || utf8_is_valid(*string))
                        continue;
                r = utf8_sanitize(*string, strlen(*string), mended->strings + i, &length);
                if (r < 0)
                        return r;
                *string = mended->strings[i];
        }
        r = attributes_validate(fields, &mended->attributes);
        if (r < 0)
                return r;
        r = members_validate(fields->extra, &mended->extra);
        if (r < 0)
                return r;

        fields->extra = mended->extra;
        return 0;
}

/* ---- event ---- */

/* What fits of an event, and how much room its strings take. */
typedef struct Extent {
        size_t lengths[N_STRINGS];
        size_t n_attributes;
        size_t size;   /* of all strings, with their NULs */
        size_t budget; /* what is left of the event's size */
        bool truncated;
} Extent;

static Extent fields_fit(const EventFields *fields)
{
        Extent extent = { .budget = EVENT_SIZE_MAX - EVENT_OVERHEAD };
        EventFields copy = *fields;

        for (size_t i = 0; i < N_STRINGS; i++) {
                const char *string = *string_at(&copy, i);
                size_t width;

                if (!string)
                        continue;
                extent.lengths[i] = json_fit(string, EVENT_STRING_MAX, &width);
                if (string[extent.lengths[i]] != '\0')
                        extent.truncated = true;
                extent.budget -= width;
                extent.size += extent.lengths[i] + 1;
        }

        for (; extent.n_attributes < fields->n_attributes; extent.n_attributes++) {
                const EventAttribute *attribute = fields->attributes + extent.n_attributes;
                size_t key_width, value_width, size;

                size = json_fit(attribute->key, SIZE_MAX, &key_width) + 1;
                size += json_fit(attribute->value, SIZE_MAX, &value_width) + 1;
                if (key_width + value_width + MEMBER_PUNCTUATION > extent.budget) {
                        extent.truncated = true;
                        break;
                }
                extent.budget -= key_width + value_width + MEMBER_PUNCTUATION;
                extent.size += size;
        }
        return extent;
}

/* Moves all that the event's fields borrow behind the event. */
static void event_copy(Event *event, const Extent *extent)
{
        const EventAttribute *attributes = event->fields.attributes;
        char *p = (char *)(event->attributes + extent->n_attributes);

        for (size_t i = 0; i < N_STRINGS; i++) {
                const char **string = string_at(&event->fields, i);

                if (!*string)
                        continue;
                *string = memcpy(p, *string, extent->lengths[i]);
                p += extent->lengths[i];
                *p++ = '\0';
        }
        for (size_t i = 0; i < extent->n_attributes; i++) {
                event->attributes[i].key = p;
                p = stpcpy(p, attributes[i].key) + 1;
                event->attributes[i].value = p;
                p = stpcpy(p, attributes[i].value) + 1;
        }

        event->fields.attributes = extent->n_attributes > 0 ? event->attributes : NULL;
        event->fields.n_attributes = extent->n_attributes;
}

/* "fields" are valid. */
static int event_allocate(const EventFields *fields, Event **ret)
{
        _cleanup_(event_unrefp) Event *event = NULL;
        Extent extent = fields_fit(fields);
        int r;

        event = malloc(sizeof(Event) + extent.n_attributes * sizeof(EventAttribute) + extent.size);
        if (!event)
                return -ENOMEM;
        event->n_ref = 1;
        event->fields = *fields;
        event->fields.extra = NULL;
        event_copy(event, &extent);

        r = fields->extra ? members_fit(fields->extra, &extent.budget, &event->fields.extra) : 0;
        if (r < 0)
                return r;
        event->fields.truncated |= extent.truncated || r > 0;

        *ret = TAKE_PTR(event);
        return 0;
}

int event_new(const EventFields *fields, Event **ret)
{
        _cleanup_(mended_done) Mended mended = {};
        EventFields valid = *fields;
        int r;

        if (!fields->type || !*fields->type || !fields->status || !*fields->status)
                return -EINVAL;
        r = fields_validate(&valid, &mended);
        if (r < 0)
                return r;

        return event_allocate(&valid, ret);
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

        json_object_put(event->fields.extra);
        free(event);
        return NULL;
}

const EventFields *event_fields(const Event *event)
{
        return &event->fields;
}

const char *event_attribute(const EventFields *fields, const char *key)
{
        for (size_t i = 0; i < fields->n_attributes; i++)
                if (strcmp(fields->attributes[i].key, key) == 0)
                        return fields->attributes[i].value;

        return NULL;
}

bool event_is_health_check_exec(const EventFields *fields)
{
        return fields->reason && strcmp(fields->reason, CE_REASON_HEALTH_CHECK) == 0 &&
               strcmp(fields->type, "container") == 0 &&
               strcmp(event_status_canonical(fields->status), "exec_died") == 0;
}
