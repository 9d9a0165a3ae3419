/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "model/event-json.h"
#include "sample.h"
#include "tap.h"

/* The least that an event has, so that a row shows only what it is about. */
#define HEAD                                                                                       \
        "{\"Status\":\"died\",\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"container\""

static int tokenize(const char *text, struct json_object **ret)
{
        return event_json_tokenize(text, strlen(text), ret);
}

static void test_only_strict_json_is_read(void)
{
        static const struct {
                const char *label, *text;
                int result;
        } rows[] = {
                { "an object", "{\"a\":1}", 0 },
                { "white space inside", "{ \"a\" : [ 1 , 2 ] }", 0 },
                { "white space before", " {}", 0 },
                { "an empty object", "{}", 0 },
                { "nothing", "", -EBADMSG },
                { "white space only", "  ", -EBADMSG },
                { "an array", "[1]", -EBADMSG },
                { "a number", "1", -EBADMSG },
                { "null", "null", -EBADMSG },
                { "a string", "\"a\"", -EBADMSG },
                { "an object that does not end", "{\"a\":1", -EBADMSG },
                { "a string that does not end", "{\"a\":\"b", -EBADMSG },
                { "something behind it", "{}x", -EBADMSG },
                { "another object behind it", "{}{}", -EBADMSG },
                { "a comma behind it", "{},", -EBADMSG },
                { "a comma at the end", "{\"a\":1,}", -EBADMSG },
                { "no quotes", "{a:1}", -EBADMSG },
                { "a comment", "{/* */\"a\":1}", -EBADMSG },
                { "a word that is none", "{\"a\":nul}", -EBADMSG },
                { "True", "{\"a\":True}", -EBADMSG },
                { "a number with a leading zero", "{\"a\":01}", -EBADMSG },
                { "a hexadecimal number", "{\"a\":0x1}", -EBADMSG },
                { "an escape that is none", "{\"a\":\"\\x\"}", -EBADMSG },
                { "half a surrogate pair", "{\"a\":\"\\ud83d\"}", 0 },
                { "bytes that are no UTF-8", "{\"a\":\"\xff\"}", -EBADMSG },
                { "a character that is cut", "{\"a\":\"\xe2\x82\"}", -EBADMSG },
                { "as deep as may be", "{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", 0 },
                { "deeper", "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *root = NULL;

                tap_eq_int(tokenize(rows[i].text, &root), rows[i].result, "%s", rows[i].label);
                tap_ok((root != NULL) == (rows[i].result == 0), "and there is an object, or not");
        }
}

static void test_the_length_counts(void)
{
        _cleanup_json_ struct json_object *root = NULL, *none = NULL;
        _cleanup_free_ char *deep = repeated('[', 1000000);

        tap_eq_int(event_json_tokenize("{}rubbish", 2, &root), 0, "behind it nothing is read");
        tap_eq_int(event_json_tokenize("{\"a\":1}\0", 8, &none), -EBADMSG, "a NUL behind it");
        tap_eq_int(event_json_tokenize("{\"a\":\"x\0y\"}", 11, &none), -EBADMSG, "a NUL inside");
        tap_eq_int(event_json_tokenize("{}", (size_t)INT32_MAX + 1, &none), -EBADMSG,
                   "more than can be parsed");
        tap_eq_int(tokenize(deep, &none), -EBADMSG, "a million brackets");
}

static void test_escaped_nuls_are_replaced(void)
{
        static const struct {
                const char *label, *text, *want;
        } rows[] = {
                { "none", "{\"a\":\"b\"}", "{\"a\":\"b\"}" },
                { "one", "\\u0000", "\\ufffd" },
                { "two in a row", "\\u0000\\u0000", "\\ufffd\\ufffd" },
                { "behind an escaped backslash it is text", "\\\\u0000", "\\\\u0000" },
                { "behind two of them it is one", "\\\\\\u0000", "\\\\\\ufffd" },
                { "another character", "\\u0001\\u00000", "\\u0001\\ufffd0" },
                { "cut", "\\u000", "\\u000" },
                { "a backslash at the end", "x\\", "x\\" },
                { "nothing", "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char text[64];

                strcpy(text, rows[i].text);
                event_json_replace_nul(text, strlen(text));
                tap_eq_str(text, rows[i].want, "%s", rows[i].label);
        }
}

static void test_every_key_of_podman(void)
{
        static const char text[] =
                "{\"ContainerExitCode\":9,\"OOMKilled\":true,\"ID\":\"fde8\",\"Image\":\"bb\","
                "\"Name\":\"t2\",\"network\":\"net\",\"Status\":\"exec_died\","
                "\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"container\","
                "\"health_status\":\"healthy\",\"error\":\"bad\",\"PodID\":\"p1\","
                "\"Attributes\":{\"foo\":\"bar\"}}";
        _cleanup_json_ struct json_object *root = NULL;
        EventFields fields;

        tap_eq_int(tokenize(text, &root), 0, "a line");
        tap_eq_int(event_json_read(root, EVENT_JSON_PODMAN, &fields), 0, "is read");
        tap_ok(fields.has_exit_code && fields.exit_code == 9, "ContainerExitCode");
        tap_ok(fields.oom_killed, "OOMKilled");
        tap_eq_str(fields.id, "fde8", "ID");
        tap_eq_str(fields.image, "bb", "Image");
        tap_eq_str(fields.name, "t2", "Name");
        tap_eq_str(fields.network, "net", "network");
        tap_eq_str(fields.status, "exec_died", "Status");
        tap_eq_u64(fields.time_nsec, SAMPLE_TIME, "Time, to the nanosecond");
        tap_eq_str(fields.type, "container", "Type");
        tap_eq_str(fields.health_status, "healthy", "health_status");
        tap_eq_str(fields.error, "bad", "error");
        tap_eq_str(fields.pod_id, "p1", "PodID");
        tap_eq_u64(fields.n_attributes, 1, "Attributes");
        tap_eq_str(event_attribute(&fields, "foo"), "bar", "what is in them");
        tap_ok(!fields.extra && !fields.engine && fields.seq == 0, "and nothing else");
}

static void test_an_exit_code_that_is_absent_is_not_zero(void)
{
        static const struct {
                const char *label, *text;
                bool has;
                int code;
        } rows[] = {
                { "absent", HEAD "}", false, 0 },
                { "0", HEAD ",\"ContainerExitCode\":0}", true, 0 },
                { "137", HEAD ",\"ContainerExitCode\":137}", true, 137 },
                { "-1", HEAD ",\"ContainerExitCode\":-1}", true, -1 },
                { "the last of two counts",
                  HEAD ",\"ContainerExitCode\":1,\"ContainerExitCode\":2}", true, 2 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *root = json_of(rows[i].text);
                EventFields fields = {};

                tap_eq_int(event_json_read(root, EVENT_JSON_PODMAN, &fields), 0, "%s",
                           rows[i].label);
                tap_ok(fields.has_exit_code == rows[i].has, "there is one, or not");
                tap_eq_int(fields.exit_code, rows[i].code, "its value");
        }
}

static void test_values_of_the_wrong_type(void)
{
        static const struct {
                const char *label, *text;
                EventJsonForm form;
                int result;
        } rows[] = {
#define PODMAN(label, member, result) { label, HEAD "," member "}", EVENT_JSON_PODMAN, result }
#define RECORD(label, member, result)                                                              \
        {                                                                                          \
                label, HEAD "," member "}", EVENT_JSON_RECORD, result                              \
        }
                PODMAN("a number as ID", "\"ID\":1", -EBADMSG),
                PODMAN("null as Name", "\"Name\":null", -EBADMSG),
                PODMAN("an object as Image", "\"Image\":{}", -EBADMSG),
                PODMAN("a string as exit code", "\"ContainerExitCode\":\"1\"", -EBADMSG),
                PODMAN("a fraction as exit code", "\"ContainerExitCode\":1.5", -EBADMSG),
                PODMAN("an exit code past 32 bits", "\"ContainerExitCode\":4294967296", -EBADMSG),
                PODMAN("the largest exit code", "\"ContainerExitCode\":2147483647", 0),
                PODMAN("the smallest exit code", "\"ContainerExitCode\":-2147483648", 0),
                PODMAN("one less", "\"ContainerExitCode\":-2147483649", -EBADMSG),
                PODMAN("an exit code past 64 bits", "\"ContainerExitCode\":99999999999999999999",
                       -EBADMSG),
                PODMAN("a number as flag", "\"OOMKilled\":1", -EBADMSG),
                PODMAN("a string as flag", "\"OOMKilled\":\"true\"", -EBADMSG),
                PODMAN("attributes that are null", "\"Attributes\":null", 0),
                PODMAN("attributes that are empty", "\"Attributes\":{}", 0),
                PODMAN("attributes in an array", "\"Attributes\":[]", -EBADMSG),
                PODMAN("an attribute that is a number", "\"Attributes\":{\"a\":1}", -EBADMSG),
                PODMAN("an attribute that is null", "\"Attributes\":{\"a\":null}", -EBADMSG),
                PODMAN("an escaped NUL", "\"Name\":\"a\\u0000b\"", -EBADMSG),
                PODMAN("an escaped NUL in an attribute", "\"Attributes\":{\"a\":\"\\u0000\"}",
                       -EBADMSG),
                PODMAN("keys of ours mean nothing", "\"Seq\":\"x\",\"UID\":\"y\",\"Extra\":1", 0),
                RECORD("a record", "\"Seq\":1", 0),
                RECORD("no number", "\"Engine\":\"x\"", -EBADMSG),
                RECORD("a number of 0", "\"Seq\":0", -EBADMSG),
                RECORD("a number below 0", "\"Seq\":-1", -EBADMSG),
                RECORD("a number as string", "\"Seq\":\"1\"", -EBADMSG),
                RECORD("the largest uid", "\"Seq\":1,\"UID\":4294967295", 0),
                RECORD("a uid past 32 bits", "\"Seq\":1,\"UID\":4294967296", -EBADMSG),
                RECORD("a uid below 0", "\"Seq\":1,\"UID\":-1", -EBADMSG),
                RECORD("a flag in words", "\"Seq\":1,\"Synthetic\":\"yes\"", -EBADMSG),
                RECORD("additions that are no object", "\"Seq\":1,\"Extra\":[]", -EBADMSG),
                RECORD("keys that a later version has", "\"Seq\":1,\"Later\":{\"a\":[1]}", 0),
#undef PODMAN
#undef RECORD
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *root = NULL;
                EventFields fields;

                tap_eq_int(tokenize(rows[i].text, &root), 0, "%s", rows[i].label);
                tap_eq_int(event_json_read(root, rows[i].form, &fields), rows[i].result,
                           "is read, or not");
        }
}

static void test_what_an_event_must_have(void)
{
        static const struct {
                const char *label, *text;
                int result;
        } rows[] = {
                { "all three",
                  "{\"Type\":\"a\",\"Status\":\"b\",\"Time\":\"1970-01-01T00:00:00Z\"}", 0 },
                { "no type", "{\"Status\":\"b\",\"Time\":\"1970-01-01T00:00:00Z\"}", -EBADMSG },
                { "an empty type",
                  "{\"Type\":\"\",\"Status\":\"b\",\"Time\":\"1970-01-01T00:00:00Z\"}", -EBADMSG },
                { "no status", "{\"Type\":\"a\",\"Time\":\"1970-01-01T00:00:00Z\"}", -EBADMSG },
                { "an empty status",
                  "{\"Type\":\"a\",\"Status\":\"\",\"Time\":\"1970-01-01T00:00:00Z\"}", -EBADMSG },
                { "no time", "{\"Type\":\"a\",\"Status\":\"b\"}", -EBADMSG },
                { "a time that is none", "{\"Type\":\"a\",\"Status\":\"b\",\"Time\":\"x\"}",
                  -EBADMSG },
                { "a time that is a number", "{\"Type\":\"a\",\"Status\":\"b\",\"Time\":1}",
                  -EBADMSG },
                { "a time before 1970",
                  "{\"Type\":\"a\",\"Status\":\"b\",\"Time\":\"1969-12-31T23:59:59Z\"}", -EBADMSG },
                { "keys in another case",
                  "{\"type\":\"a\",\"status\":\"b\",\"time\":\"1970-01-01T00:00:00Z\"}", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *root = json_of(rows[i].text);
                EventFields fields;

                tap_eq_int(event_json_read(root, EVENT_JSON_PODMAN, &fields), rows[i].result, "%s",
                           rows[i].label);
        }
}

static void test_unknown_keys_of_podman_are_kept(void)
{
        static const struct {
                const char *label, *members, *extra;
        } rows[] = {
                { "none", "", NULL },
                { "a string", ",\"health_log\":\"x\"", "{\"health_log\":\"x\"}" },
                { "numbers and flags", ",\"a\":1,\"b\":true,\"c\":1.5",
                  "{\"a\":1,\"b\":true,\"c\":1.5}" },
                { "what is no scalar is left out", ",\"a\":{},\"b\":[1],\"c\":null,\"d\":2",
                  "{\"d\":2}" },
                { "what holds a NUL is left out", ",\"a\":\"x\\u0000\"", NULL },
                { "keys of ours are not trusted",
                  ",\"Seq\":99,\"Engine\":\"docker\",\"UID\":0,\"Backlog\":true",
                  "{\"Seq\":99,\"Engine\":\"docker\",\"UID\":0,\"Backlog\":true}" },
                { "not even this one", ",\"Extra\":\"x\"", "{\"Extra\":\"x\"}" },
                { "nor as an object", ",\"Extra\":{\"a\":1}", NULL },
                { "the last of two counts", ",\"a\":1,\"a\":2", "{\"a\":2}" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *root = NULL;
                _cleanup_free_ char *text = NULL;
                EventFields fields;

                must(asprintf(&text, HEAD "%s}", rows[i].members) > 0);
                root = json_of(text);
                tap_eq_int(event_json_read(root, EVENT_JSON_PODMAN, &fields), 0, "%s",
                           rows[i].label);
                tap_eq_str(fields.extra ? event_json_text(fields.extra, NULL) : NULL, rows[i].extra,
                           "what was kept");
                tap_ok(fields.seq == 0 && !fields.engine && !fields.has_uid && !fields.backlog,
                       "nothing of ours was taken");
        }
}

/* json-c reads a little more than JSON: what becomes of it is JSON all the same. */
static void test_what_the_parser_lets_pass_is_written_as_json(void)
{
        static const struct {
                const char *label, *members, *extra;
        } rows[] = {
                { "NaN", ",\"a\":NaN,\"b\":1", "{\"b\":1}" },
                { "Infinity", ",\"a\":Infinity,\"b\":1", "{\"b\":1}" },
                { "-Infinity", ",\"a\":-Infinity,\"b\":1", "{\"b\":1}" },
                { "a number that does not end", ",\"a\":1.", "{\"a\":1.0}" },
                { "an exponent past all numbers", ",\"a\":1e999,\"b\":1", "{\"b\":1}" },
                { "more digits than a number has", ",\"a\":0.50000000000000000000000000000001",
                  "{\"a\":0.5}" },
                { "single quotes", ",'a':'b'", "{\"a\":\"b\"}" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *root = NULL;
                _cleanup_free_ char *text = NULL;
                EventFields fields = {};

                must(asprintf(&text, HEAD "%s}", rows[i].members) > 0);
                if (tokenize(text, &root) < 0) {
                        tap_ok(true, "%s: it is refused, which is as good", rows[i].label);
                        continue;
                }
                must(event_json_read(root, EVENT_JSON_PODMAN, &fields) == 0);
                tap_eq_str(fields.extra ? event_json_text(fields.extra, NULL) : NULL, rows[i].extra,
                           "%s", rows[i].label);
        }
}

static void test_keys_of_ours_in_a_record(void)
{
        static const char text[] =
                HEAD ",\"Seq\":18446744073709551615,\"Engine\":\"podman\",\"ExecID\":\"e1\","
                     "\"UID\":1000,\"Synthetic\":true,\"Reason\":\"why\",\"Evidence\":\"event\","
                     "\"Truncated\":true,\"Backlog\":true,\"Extra\":{\"a\":1},"
                     "\"Position\":\"p 1\",\"CRC\":\"0\"}";
        _cleanup_json_ struct json_object *root = json_of(text);
        EventFields fields;

        tap_eq_int(event_json_read(root, EVENT_JSON_RECORD, &fields), 0, "a record");
        tap_eq_u64(fields.seq, UINT64_MAX, "Seq");
        tap_eq_str(fields.engine, "podman", "Engine");
        tap_eq_str(fields.exec_id, "e1", "ExecID");
        tap_ok(fields.has_uid && fields.uid == 1000, "UID");
        tap_ok(fields.synthetic && fields.truncated && fields.backlog, "flags");
        tap_eq_str(fields.reason, "why", "Reason");
        tap_eq_str(fields.evidence, "event", "Evidence");
        tap_eq_str(event_json_text(fields.extra, NULL), "{\"a\":1}", "Extra, and no more");
}

static void test_an_event_comes_back_as_it_was(void)
{
        _cleanup_json_ struct json_object *attributes =
                                                  json_of("{\"b\":\"\",\"a\":\"\\u2028<&>/\"}"),
                                          *extra = json_of("{\"n\":-5,\"t\":18446744073709551615,"
                                                           "\"d\":0.1,\"f\":false,\"s\":\"\"}"),
                                          *parsed = NULL;
        _cleanup_(buffer_done) Buffer buffer = {};
        EventFields fields = {
                .type = "container",
                .status = "exec_died",
                .id = SAMPLE_ID,
                .name = "a\"b\\c\x01\x7f\xc3\xa4/",
                .image = "i",
                .engine = "podman",
                .time_nsec = SAMPLE_TIME,
                .exec_id = "e",
                .pod_id = "p",
                .network = "n",
                .health_status = "h",
                .error = "x\ny",
                .reason = "r",
                .evidence = "ev",
                .exit_code = INT32_MIN,
                .has_exit_code = true,
                .uid = 0,
                .has_uid = true,
                .oom_killed = true,
                .synthetic = true,
                .truncated = true,
                .backlog = true,
                .extra = extra,
        };
        _cleanup_event_ Event *event = NULL;
        EventFields again;

        set_labels(&fields, attributes);
        event = event_of(&fields);
        tap_eq_int(event_json_put(&buffer, event_fields(event), 12), 0, "it is written");
        tap_ok(!memchr(buffer.data, '\n', buffer.size), "on one line");
        tap_eq_int(event_json_tokenize(buffer.data, buffer.size, &parsed), 0, "as strict JSON");
        buffer_put(&buffer, "", 1);
        tap_eq_str(buffer.data, event_json_text(parsed, NULL), "as json-c would write it");
        tap_eq_int(event_json_read(parsed, EVENT_JSON_RECORD, &again), 0, "and read");
        tap_eq_u64(again.seq, 12, "number");
        tap_eq_u64(again.time_nsec, fields.time_nsec, "time");
        tap_eq_str(again.name, fields.name, "name");
        tap_eq_str(again.error, fields.error, "error");
        tap_eq_str(again.exec_id, "e", "exec ID");
        tap_eq_int(again.exit_code, INT32_MIN, "exit code");
        tap_ok(again.has_uid && again.uid == 0, "root's uid");
        tap_ok(has_labels(&again, attributes), "attributes");
        tap_ok(json_object_equal(again.extra, extra), "what the engine added");
        tap_ok(again.oom_killed && again.synthetic && again.truncated && again.backlog, "flags");
}

static void test_what_does_not_apply_is_not_written(void)
{
        const EventFields fields = { .type = "pod", .status = "stop", .error = "" };
        _cleanup_event_ Event *event = event_of(&fields);
        _cleanup_(buffer_done) Buffer buffer = {};

        tap_eq_int(event_json_put(&buffer, event_fields(event), 1), 0, "it is written");
        buffer_put(&buffer, "", 1);
        tap_eq_str(buffer.data,
                   "{\"Status\":\"stop\",\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":\"pod\","
                   "\"Seq\":1}",
                   "and has nothing but what applies");
}

int main(void)
{
        test_only_strict_json_is_read();
        test_the_length_counts();
        test_escaped_nuls_are_replaced();
        test_every_key_of_podman();
        test_an_exit_code_that_is_absent_is_not_zero();
        test_values_of_the_wrong_type();
        test_what_an_event_must_have();
        test_unknown_keys_of_podman_are_kept();
        test_what_the_parser_lets_pass_is_written_as_json();
        test_keys_of_ours_in_a_record();
        test_an_event_comes_back_as_it_was();
        test_what_does_not_apply_is_not_written();
        return tap_done();
}
