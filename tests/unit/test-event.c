/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/utf8.h"
#include "model/event-json.h"
#include "sample.h"
#include "tap.h"

static const EventFields least = { .type = "container", .status = "start" };

static size_t json_size(const Event *event)
{
        _cleanup_(buffer_done) Buffer buffer = {};

        must(event_json_put(&buffer, event_fields(event), UINT64_MAX) == 0);
        return buffer.size;
}

static void test_what_an_event_needs(void)
{
        static const struct {
                const char *label, *type, *status;
                int result;
        } rows[] = {
                { "both", "container", "start", 0 },       { "no type", NULL, "start", -EINVAL },
                { "an empty type", "", "start", -EINVAL }, { "no status", "pod", NULL, -EINVAL },
                { "an empty status", "pod", "", -EINVAL }, { "an unknown type", "x", "y", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const EventFields fields = { .type = rows[i].type, .status = rows[i].status };
                _cleanup_event_ Event *event = NULL;

                tap_eq_int(event_new(&fields, &event), rows[i].result, "%s", rows[i].label);
                tap_ok((event != NULL) == (rows[i].result == 0), "and there is one, or not");
        }
}

static void test_what_is_absent(void)
{
        _cleanup_event_ Event *event = event_of(&least);
        const EventFields *fields = event_fields(event);

        tap_eq_str(fields->id, "", "id is empty");
        tap_eq_str(fields->name, "", "name is empty");
        tap_eq_str(fields->image, "", "image is empty");
        tap_eq_str(fields->engine, "", "engine is empty");
        tap_ok(!fields->exec_id && !fields->pod_id && !fields->network && !fields->health_status &&
                       !fields->error && !fields->reason,
               "details do not apply");
        tap_ok(!fields->has_exit_code && !fields->has_uid && fields->n_attributes == 0 &&
                       !fields->extra,
               "nor do these");
        tap_ok(!fields->truncated, "nothing was cut");
}

static void test_an_event_is_a_copy(void)
{
        char type[] = "container", status[] = "died", name[] = "c1", reason[] = "why", key[] = "a",
             value[] = "b";
        EventAttribute attributes[] = { { key, value }, { "c", "" } };
        const EventFields fields = { .type = type,
                                     .status = status,
                                     .name = name,
                                     .reason = reason,
                                     .exit_code = -1,
                                     .has_exit_code = true,
                                     .uid = UINT32_MAX,
                                     .has_uid = true,
                                     .oom_killed = true,
                                     .synthetic = true,
                                     .backlog = true,
                                     .time_nsec = 7,
                                     .seq = 8,
                                     .attributes = attributes,
                                     .n_attributes = ELEMENTSOF(attributes) };
        _cleanup_event_ Event *event = event_of(&fields);
        const EventFields *copy = event_fields(event);

        type[0] = status[0] = name[0] = reason[0] = key[0] = value[0] = 'X';
        attributes[1].key = "X";
        tap_eq_str(copy->type, "container", "type");
        tap_eq_str(copy->status, "died", "status");
        tap_eq_str(copy->name, "c1", "name");
        tap_eq_str(copy->reason, "why", "reason");
        tap_ok(copy->has_exit_code && copy->exit_code == -1, "exit code");
        tap_ok(copy->has_uid && copy->uid == UINT32_MAX, "uid");
        tap_ok(copy->oom_killed && copy->synthetic && copy->backlog, "flags");
        tap_ok(copy->time_nsec == 7 && copy->seq == 8, "time and number");
        tap_eq_u64(copy->n_attributes, 2, "attributes");
        tap_eq_str(event_attribute(copy, "a"), "b", "the value of one");
        tap_eq_str(event_attribute(copy, "c"), "", "an empty one");
        tap_ok(!event_attribute(copy, "X"), "none that is not there");
}

static void test_references_are_counted(void)
{
        Event *event = event_of(&least), *same = event_ref(event);

        tap_ok(same == event, "a reference is the event");
        tap_ok(!event_unref(event), "the first one goes");
        tap_eq_str(event_fields(same)->type, "container", "the event is still there");
        tap_ok(!event_unref(same), "the last one goes, and the event with it");
        tap_ok(!event_unref(NULL), "there need not be one");
}

static void test_long_strings_lose_their_end(void)
{
        static const struct {
                const char *label;
                const char *unit;
                size_t n, kept; /* units */
        } rows[] = {
                { "just fits", "x", EVENT_STRING_MAX, EVENT_STRING_MAX },
                { "one byte more", "x", EVENT_STRING_MAX + 1, EVENT_STRING_MAX },
                { "much more", "x", 1000000, EVENT_STRING_MAX },
                { "quotes take two bytes", "\"", 2000, EVENT_STRING_MAX / 2 },
                { "controls take six", "\x01", 2000, EVENT_STRING_MAX / 6 },
                { "two bytes a character", "\xc3\xa4", 2000, EVENT_STRING_MAX / 2 },
                { "three, and no character is cut", "\xe2\x82\xac", 2000, EVENT_STRING_MAX / 3 },
                { "four", "\xf0\x9f\x98\x80", 2000, EVENT_STRING_MAX / 4 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t width = strlen(rows[i].unit);
                _cleanup_free_ char *text = repeated(' ', rows[i].n * width);
                EventFields fields = least;
                _cleanup_event_ Event *event = NULL;
                const char *kept;

                for (size_t k = 0; k < rows[i].n; k++)
                        memcpy(text + k * width, rows[i].unit, width);
                fields.name = fields.error = text;
                event = event_of(&fields);
                kept = event_fields(event)->name;
                tap_eq_u64(strlen(kept), rows[i].kept * width, "%s", rows[i].label);
                tap_ok(strncmp(kept, text, strlen(kept)) == 0, "what is kept is its start");
                tap_eq_str(event_fields(event)->error, kept, "a detail is treated alike");
                tap_ok(event_fields(event)->truncated == (rows[i].kept < rows[i].n),
                       "and it is said");
        }
}

/* Members "k000".. with values of a size. */
static struct json_object *members(unsigned n, size_t size)
{
        _cleanup_free_ char *value = repeated('v', size);
        struct json_object *object = json_object_new_object();

        for (unsigned i = 0; i < n; i++) {
                char key[16];

                snprintf(key, sizeof(key), "k%03u", i);
                json_object_object_add(object, key, json_object_new_string(value));
        }
        return object;
}

static bool are_the_first_of(const EventFields *kept, const EventFields *whole)
{
        for (size_t i = 0; i < kept->n_attributes; i++)
                if (strcmp(kept->attributes[i].key, whole->attributes[i].key) != 0)
                        return false;
        return true;
}

static bool is_a_start_of(struct json_object *kept, struct json_object *whole)
{
        struct json_object_iterator a = json_object_iter_begin(kept),
                                    b = json_object_iter_begin(whole),
                                    end = json_object_iter_end(kept);

        for (; !json_object_iter_equal(&a, &end);
             json_object_iter_next(&a), json_object_iter_next(&b))
                if (strcmp(json_object_iter_peek_name(&a), json_object_iter_peek_name(&b)) != 0)
                        return false;
        return true;
}

static void test_attributes_are_lost_from_the_end(void)
{
        _cleanup_json_ struct json_object *attributes = members(100, 1000), *extra = members(3, 10);
        EventFields fields = least;
        _cleanup_event_ Event *event = NULL;
        const EventFields *kept;

        set_labels(&fields, attributes);
        fields.extra = extra;
        event = event_of(&fields);
        kept = event_fields(event);
        tap_ok(kept->n_attributes > 50 && kept->n_attributes < 65, "%zu of 100 attributes are kept",
               kept->n_attributes);
        tap_ok(are_the_first_of(kept, &fields), "the first ones");
        tap_ok(kept->truncated, "and it is said");
        tap_ok(json_size(event) <= EVENT_SIZE_MAX, "the event is small enough");
        tap_eq_u64(fields.n_attributes, 100, "the caller's are as they were");
}

static void test_attributes_go_before_what_the_engine_added(void)
{
        _cleanup_json_ struct json_object *attributes = members(30, 1000),
                                          *extra = members(60, 1000);
        EventFields fields = least;
        _cleanup_event_ Event *event = NULL;
        const EventFields *kept;

        set_labels(&fields, attributes);
        fields.extra = extra;
        event = event_of(&fields);
        kept = event_fields(event);
        tap_eq_u64(kept->n_attributes, 30, "attributes fit");
        tap_ok(json_object_object_length(kept->extra) < 40, "what was added does not");
        tap_ok(is_a_start_of(kept->extra, extra), "the first of it is kept");
        tap_ok(kept->truncated, "and it is said");
        tap_ok(json_size(event) <= EVENT_SIZE_MAX, "the event is small enough");
}

static void test_one_attribute_that_is_too_large(void)
{
        _cleanup_json_ struct json_object *attributes = members(1, 100000);
        EventFields fields = least;
        _cleanup_event_ Event *event = NULL;

        set_labels(&fields, attributes);
        event = event_of(&fields);
        tap_ok(event_fields(event)->n_attributes == 0, "it is left out");
        tap_ok(event_fields(event)->truncated, "and it is said");
}

/* Labels that are no UTF-8, of which two become alike. */
static void test_attributes_that_are_mended(void)
{
        const EventAttribute attributes[] = { { "a\xff", "1" }, { "b", "\xff" }, { "a\xfe", "2" } };
        EventFields fields = least;
        _cleanup_event_ Event *event = NULL;
        const EventFields *kept;

        fields.attributes = attributes;
        fields.n_attributes = ELEMENTSOF(attributes);
        event = event_of(&fields);
        kept = event_fields(event);
        tap_eq_u64(kept->n_attributes, 2, "keys that became alike are one");
        tap_eq_str(event_attribute(kept, "a\xef\xbf\xbd"), "2", "of which the last counts");
        tap_eq_str(event_attribute(kept, "b"), "\xef\xbf\xbd", "a value");
}

/* What an engine adds may be written in more digits than it has; Podman's line can be 2 MiB. */
static void test_a_number_in_many_digits(void)
{
        _cleanup_free_ char *text = repeated('1', 100000);
        _cleanup_json_ struct json_object *extra = NULL;
        EventFields fields = least;
        _cleanup_event_ Event *event = NULL;

        memcpy(text, "{\"n\":0.", 7);
        text[strlen(text) - 1] = '}';
        fields.extra = extra = json_of(text);
        event = event_of(&fields);
        tap_ok(json_size(event) <= EVENT_SIZE_MAX, "the event is small enough: %zu bytes",
               json_size(event));
}

static const char *random_text(uint64_t *seed, char *text, size_t most)
{
        static const char *const units[] = { "x",  "\"",       "\\",           "\x02",
                                             "\n", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
        size_t length = random_below(seed, (unsigned)most), n = 0;

        while (n < length) {
                const char *unit = units[random_below(seed, ELEMENTSOF(units))];

                memcpy(text + n, unit, strlen(unit));
                n += strlen(unit);
        }
        text[n] = '\0';
        return text;
}

static void random_members(uint64_t *seed, struct json_object *object, bool numbers, size_t most)
{
        static char text[5000];
        unsigned n = random_below(seed, 40);

        for (unsigned i = 0; i < n; i++) {
                char key[400];

                random_text(seed, key, sizeof(key) - 8);
                random_text(seed, text, most);
                json_object_object_add(object, key,
                                       numbers && random_below(seed, 8) == 0
                                               ? json_object_new_double(1 / 3.0)
                                               : json_object_new_string(text));
        }
}

/* Whatever the event: it is small enough, valid, and cut only once. */
static void test_no_event_is_too_large(void)
{
        static char texts[13][5000];
        uint64_t seed = 4711;
        unsigned n_wrong = 0, n_cut = 0;

        for (int round = 0; round < 60; round++) {
                size_t most = random_below(&seed, 2) ? 300 : sizeof(texts[0]) - 8;
                _cleanup_json_ struct json_object *attributes = json_object_new_object(),
                                                  *extra = json_object_new_object();
                _cleanup_event_ Event *event = NULL, *again = NULL;
                EventFields fields = { .extra = extra };
                const char **strings[] = {
                        &fields.id,       &fields.name,   &fields.image,         &fields.engine,
                        &fields.exec_id,  &fields.pod_id, &fields.network,       &fields.error,
                        &fields.reason,   &fields.status, &fields.health_status, &fields.type,
                        &fields.evidence,
                };

                for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                        *strings[i] = random_text(&seed, texts[i], most);
                fields.type = fields.status = "x";
                random_members(&seed, attributes, false, most);
                random_members(&seed, extra, true, most);
                set_labels(&fields, attributes);

                event = event_of(&fields);
                again = event_of(event_fields(event));
                n_cut += event_fields(event)->truncated;
                n_wrong += json_size(event) > EVENT_SIZE_MAX;
                n_wrong += json_size(again) != json_size(event);
                n_wrong += !utf8_character(event_fields(event)->name, 4) && texts[1][0];
        }
        tap_ok(n_cut > 15 && n_cut < 45, "%u of 60 events were cut", n_cut);
        tap_eq_u64(n_wrong, 0, "each fits, and an event that was cut is not cut again");
}

int main(void)
{
        test_what_an_event_needs();
        test_what_is_absent();
        test_an_event_is_a_copy();
        test_references_are_counted();
        test_long_strings_lose_their_end();
        test_attributes_are_lost_from_the_end();
        test_attributes_go_before_what_the_engine_added();
        test_one_attribute_that_is_too_large();
        test_attributes_that_are_mended();
        test_a_number_in_many_digits();
        test_no_event_is_too_large();
        return tap_done();
}
