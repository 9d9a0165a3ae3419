/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <zlib.h>

#include "log/record.h"
#include "sample.h"
#include "tap.h"

typedef struct Line {
        char *text; /* owned, without "\n" */
        size_t length;
} Line;

static void line_done(Line *line)
{
        free(line->text);
}

#define _cleanup_line_ _cleanup_(line_done)

static Line line_of(const EventFields *fields, uint64_t seq, const char *position)
{
        _cleanup_event_ Event *event = event_of(fields);
        Line line;

        must(record_format(event, seq, position, &line.text, &line.length) == 0);
        must(line.length > 0 && line.text[line.length - 1] == '\n');
        line.text[--line.length] = '\0';
        return line;
}

/* A record that somebody else might have written: the body, with a right checksum. */
static Line line_sealed(const char *body)
{
        Line line = {};
        int n;

        n = asprintf(&line.text, "%s,\"CRC\":\"%08lx\"}", body,
                     crc32(0, (const unsigned char *)body, (unsigned)strlen(body)));
        must(n > 0);
        line.length = (size_t)n;
        return line;
}

static const EventFields plain = { .type = "container", .status = "start", .engine = "podman" };

static void test_the_form_of_a_record(void)
{
        static const char want[] =
                "{\"Status\":\"start\",\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":\"container\","
                "\"Seq\":7,\"Engine\":\"podman\",\"Position\":\" 12\",\"CRC\":\"";
        _cleanup_line_ Line line = line_of(&plain, 7, "podman 12");
        _cleanup_json_ struct json_object *root = json_of(line.text);
        unsigned long checksum;

        tap_ok(strncmp(line.text, want, strlen(want)) == 0, "keys stand where they should");
        tap_eq_u64(line.length, strlen(want) + 10, "8 digits end it");
        checksum = crc32(0, (const unsigned char *)line.text, (unsigned)line.length - 18);
        tap_eq_u64(strtoul(line.text + strlen(want), NULL, 16), checksum,
                   "the checksum is zlib's, over all before");
        tap_ok(json_object_object_length(root) == 7, "it is JSON");
        tap_ok(record_is_intact(line.text, line.length), "it is intact");
        tap_eq_u64(record_seq(line.text, line.length), 7, "its number");
}

static void test_any_flipped_bit_is_seen(void)
{
        _cleanup_line_ Line line = line_of(&plain, 4711, "podman 1 2");
        unsigned n_missed = 0;

        for (size_t bit = 0; bit < line.length * 8; bit++) {
                line.text[bit / 8] ^= (char)(1 << bit % 8);
                n_missed += record_is_intact(line.text, line.length);
                line.text[bit / 8] ^= (char)(1 << bit % 8);
        }
        tap_eq_u64(n_missed, 0, "each of %zu", line.length * 8);
        for (size_t length = 0; length < line.length; length++)
                n_missed += record_is_intact(line.text, length);
        tap_eq_u64(n_missed, 0, "each piece of the line");
}

static void test_what_is_not_intact(void)
{
        _cleanup_free_ char *body = repeated('x', RECORD_SIZE_MAX);
        _cleanup_line_ Line upper = line_of(&plain, 1, NULL), array = line_sealed("[\"a\":1"),
                            huge = {}, largest = {};
        bool has_letter = false;

        for (char *p = upper.text + upper.length - 10; p < upper.text + upper.length; p++) {
                has_letter |= *p >= 'a' && *p <= 'f';
                *p = *p >= 'a' && *p <= 'f' ? (char)(*p - 'a' + 'A') : *p;
        }
        must(has_letter);
        tap_ok(!record_is_intact(upper.text, upper.length), "a checksum in upper case");
        tap_ok(!record_is_intact(array.text, array.length), "what is no object");
        tap_ok(!record_is_intact("", 0), "nothing");

        body[0] = '{';
        huge = line_sealed(body);
        tap_ok(!record_is_intact(huge.text, huge.length), "longer than any record");
        body[RECORD_SIZE_MAX - 1 - 18] = '\0';
        largest = line_sealed(body);
        tap_ok(record_is_intact(largest.text, largest.length), "the longest");
}

static void test_the_number_is_ours(void)
{
        static const struct {
                const char *label, *attributes, *extra, *text;
        } rows[] = {
                { "nothing that looks like it", NULL, NULL, NULL },
                { "a label", "{\"Seq\":\"1\"}", NULL, NULL },
                { "a label that is not the first", "{\"A\":\"x\",\"Seq\":\"1\"}", NULL, NULL },
                { "a label with the mark in its value", "{\"A\":\",\\\"Seq\\\":1\"}", NULL, NULL },
                { "a label with the mark in its key", "{\"A\":\"\",\"x,\\\"Seq\\\":1\":\"\"}", NULL,
                  NULL },
                { "a label whose value is a number", "{\"A\":\"x\",\"Seq\":\"1,\\\"Seq\\\":2\"}",
                  NULL, NULL },
                { "what an engine adds", NULL, "{\"A\":1,\"Seq\":1}", NULL },
                { "a name", NULL, NULL, "x\",\"Seq\":1,\"y\":\"" },
                { "a name that ends in a backslash", NULL, NULL, "x\\" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *attributes = NULL, *extra = NULL;
                EventFields fields = plain;
                _cleanup_line_ Line line = {};

                attributes = json_of(rows[i].attributes ? rows[i].attributes : "{}");
                set_labels(&fields, attributes);
                fields.extra = extra = rows[i].extra ? json_of(rows[i].extra) : NULL;
                fields.name = fields.health_status = fields.reason = rows[i].text;
                line = line_of(&fields, 4711, "podman 1");
                tap_ok(record_is_intact(line.text, line.length), "%s", rows[i].label);
                tap_eq_u64(record_seq(line.text, line.length), 4711, "%s: the number",
                           rows[i].label);
        }
}

static void test_numbers_at_the_ends(void)
{
        static const struct {
                const char *body;
                uint64_t seq;
        } rows[] = {
                { "{\"a\":1,\"Seq\":18446744073709551615", UINT64_MAX },
                { "{\"a\":1,\"Seq\":18446744073709551616", 0 },
                { "{\"a\":1,\"Seq\":0", 0 },
                { "{\"a\":1,\"Seq\":\"5\"", 0 },
                { "{\"a\":1,\"Seq\":-5", 0 },
                { "{\"a\":1", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_line_ Line line = line_sealed(rows[i].body);

                tap_eq_u64(record_seq(line.text, line.length), rows[i].seq, "%s", rows[i].body);
        }
        tap_eq_u64(record_seq("{\"a\":1,\"Seq\":", 13), 0, "nothing behind it");
        tap_eq_u64(record_seq("{\"a\":1,\"Seq\":12", 14), 1, "no byte behind the end is read");
}

/* What is not intact has no number that counts, but one that may have been given. */
static void test_numbers_in_damaged_text(void)
{
        static const struct {
                const char *text;
                uint64_t limit, want;
        } rows[] = {
                { "", 100, 0 },
                { "no number", 100, 0 },
                { "{\"a\":1,\"Seq\":5,\"x", 100, 5 },
                { "{\"a\":1,\"Seq\":5,\"x", 4, 0 },
                { "{\"a\":1,\"Seq\":5}X{\"b\":1,\"Seq\":6}", 100, 6 },
                { "{\"a\":1,\"Seq\":6}X{\"b\":1,\"Seq\":5}", 100, 6 },
                { "{\"a\":1,\"Seq\":5}X{\"b\":1,\"Seq\":999}", 100, 5 },
                { "{\"a\":1,\"Seq\":\"7\",\"Seq\":5", 100, 5 },
                { "{\"a\":1,\"Seq\":18446744073709551616", UINT64_MAX, 0 },
                { "{\"a\":1,\"Seq\":", 100, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_eq_u64(record_greatest_seq(rows[i].text, strlen(rows[i].text), rows[i].limit),
                           rows[i].want, "%s up to %" PRIu64, rows[i].text, rows[i].limit);
        tap_ok(record_has_checksum("x,\"CRC\":\"0", 10), "a piece that goes as far as a checksum");
        tap_ok(!record_has_checksum("x,\"CRC", 6), "one that does not");
}

static void test_the_shortest_record(void)
{
        const EventFields fields = { .type = "x", .status = "x" };
        _cleanup_line_ Line line = line_of(&fields, 1, NULL);

        tap_eq_u64(line.length + 1, RECORD_SIZE_MIN, "is as short as is said");
}

static void test_the_position_is_ours(void)
{
        static const struct {
                const char *label, *attributes, *extra, *text;
        } rows[] = {
                { "nothing that looks like it", NULL, NULL, NULL },
                { "a label", "{\"Position\":\"x 1\"}", NULL, NULL },
                { "a label that is not the first", "{\"A\":\"\",\"Position\":\"x 1\"}", NULL,
                  NULL },
                { "what an engine adds", NULL, "{\"A\":1,\"Position\":\"x 1\"}", NULL },
                { "the last word of what it adds", NULL,
                  "{\"A\":1,\"B\":\",\\\"Position\\\":\\\"x 1\"}", NULL },
                { "a reason", NULL, NULL, "a\",\"Position\":\"x 1" },
        };
        static const char *const positions[] = { "podman 1 2 3", NULL };

        for (size_t i = 0; i < ELEMENTSOF(rows) * 2; i++) {
                const char *want = positions[i % 2];
                _cleanup_json_ struct json_object *attributes = NULL, *extra = NULL;
                char position[POSITION_SIZE] = "";
                EventFields fields = plain;
                _cleanup_line_ Line line = {};
                bool found;

                attributes = json_of(rows[i / 2].attributes ? rows[i / 2].attributes : "{}");
                set_labels(&fields, attributes);
                fields.extra = extra = rows[i / 2].extra ? json_of(rows[i / 2].extra) : NULL;
                fields.reason = rows[i / 2].text;
                line = line_of(&fields, 4711, want);
                found = record_position(line.text, line.length, position);
                tap_ok(found == (want != NULL), "%s: %s", rows[i / 2].label,
                       want ? "there is a position" : "there is none");
                tap_eq_str(found ? position : NULL, want, "and it is ours");
        }
}

/* A label or a name may look as if; what counts is what the event says. */
static void test_what_a_health_check_ran(void)
{
        static const struct {
                const char *label, *type, *status, *reason, *name, *attributes, *extra;
                bool yes;
        } rows[] = {
                { "the end of an exec session", "container", "exec_died", "health_check", "w", "{}",
                  NULL, true },
                { "in Docker's words", "container", "exec_die", "health_check", "w", "{}", NULL,
                  true },
                { "with labels", "container", "exec_died", "health_check", "w",
                  "{\"Extra\":\"\",\"Seq\":\"1\"}", NULL, true },
                { "with what an engine adds", "container", "exec_died", "health_check", "w", "{}",
                  "{\"a\":1,\"Reason\":\"x\"}", true },
                { "without a reason", "container", "exec_died", NULL, "w", "{}", NULL, false },
                { "for another reason", "container", "exec_died", "health_checks", "w", "{}", NULL,
                  false },
                { "another status", "container", "died", "health_check", "w", "{}", NULL, false },
                { "a longer one", "container", "exec_died_of_thirst", "health_check", "w", "{}",
                  NULL, false },
                { "another type", "pod", "exec_died", "health_check", "w", "{}", NULL, false },
                { "a label like it", "container", "exec_died", NULL, "w",
                  "{\"a\":\"\",\"Reason\":\"health_check\"}", NULL, false },
                { "what an engine adds like it", "container", "exec_died", NULL, "w", "{}",
                  "{\"a\":1,\"Reason\":\"health_check\"}", false },
                { "a name like it", "container", "exec_died", "x", "\",\"Reason\":\"health_check\"",
                  "{}", NULL, false },
                { "a type like it", "pod", "exec_died", "health_check", "w",
                  "{\"a\":\"\",\"Type\":\"container\"}", NULL, false },
                { "a status like it", "container", "exec\",\"Status\":\"exec_died", "health_check",
                  "\"Status\":\"exec_died\"", "{}", NULL, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *attributes = json_of(rows[i].attributes),
                                                  *extra = NULL;
                EventFields fields = plain;
                _cleanup_line_ Line line = {};

                fields.type = rows[i].type;
                fields.status = rows[i].status;
                fields.reason = rows[i].reason;
                fields.name = rows[i].name;
                fields.exec_id = "e";
                set_labels(&fields, attributes);
                fields.extra = extra = rows[i].extra ? json_of(rows[i].extra) : NULL;
                line = line_of(&fields, 4711, "podman 1");
                tap_ok(event_is_health_check_exec(&fields) == rows[i].yes, "%s", rows[i].label);
                tap_ok(record_is_health_check_exec(line.text, line.length) == rows[i].yes,
                       "and its record: %s", line.text);
        }
}

static void test_positions_that_cannot_be(void)
{
        _cleanup_free_ char *longest = repeated('x', POSITION_SIZE - 1),
                            *longer = repeated('x', POSITION_SIZE);
        const struct {
                const char *label, *position;
                int result;
        } rows[] = {
                { "a plain one", "podman 1", 0 },     { "the longest", longest, 0 },
                { "one byte more", longer, -EINVAL }, { "nothing", "", -EINVAL },
                { "a quote", "a \"b", -EINVAL },      { "a backslash", "a \\b", -EINVAL },
                { "a control", "a \n", -EINVAL },     { "no ASCII", "a \xc3\xa4", -EINVAL },
                { "DEL", "a \x7f", -EINVAL },         { "our sign", "a 1@", -EINVAL },
                { "our sign alone", "@", -EINVAL },   { "our sign inside", "a @1", 0 },
                { "a space first", " 1", -EINVAL },
        };
        _cleanup_event_ Event *event = event_of(&plain);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text = NULL;
                char position[POSITION_SIZE];
                size_t length;

                tap_eq_int(record_format(event, 1, rows[i].position, &text, &length),
                           rows[i].result, "%s", rows[i].label);
                if (rows[i].result == 0) {
                        tap_ok(record_position(text, length - 1, position), "it is there");
                        tap_eq_str(position, rows[i].position, "as it was");
                }
        }
}

/* A position that ends in the event's own time does not say it again. */
static void test_words_of_a_position_that_are_known(void)
{
        static const struct {
                const char *label, *position, *written;
                uint64_t time_nsec;
        } rows[] = {
                { "its own", "podman x 1795302833860408609", "podman x@", SAMPLE_TIME },
                { "another", "podman x 1795302833860408608", NULL, SAMPLE_TIME },
                { "not the last word", "podman 1795302833860408609 x", NULL, SAMPLE_TIME },
                { "part of a word", "podman x1795302833860408609", NULL, SAMPLE_TIME },
                { "no word but it", "1795302833860408609", NULL, SAMPLE_TIME },
                { "a zero before it", "podman 01795302833860408609", NULL, SAMPLE_TIME },
                { "none", "podman 0", "podman@", 0 },
                { "zeros", "podman 00", NULL, 0 },
                { "the last there is", "a 18446744073709551615", "a@", UINT64_MAX },
        };
        static const struct {
                const char *label, *engine, *position, *written;
        } words[] = {
                { "its own engine", "podman", "podman x 1", " x 1" },
                { "and its own time", "podman", "podman x 1795302833860408609", " x@" },
                { "and nothing but that", "podman", "podman 1795302833860408609", "podman@" },
                { "no place", "podman", "podman", NULL },
                { "a longer word", "podman", "podman-journal x 1", NULL },
                { "another", "docker", "podman x 1", NULL },
                { "no engine", "", "podman x 1", NULL },
                { "two words", "a b", "a b c", " c" },
                { "two spaces", "podman", "podman  x", "  x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char position[POSITION_SIZE] = "", mark[POSITION_SIZE + 32];
                EventFields fields = plain;
                _cleanup_line_ Line line = {};

                fields.name = "\",\"Time\":\"1970-01-01T00:00:00Z";
                fields.engine = "docker";
                fields.time_nsec = rows[i].time_nsec;
                line = line_of(&fields, 4711, rows[i].position);
                snprintf(mark, sizeof(mark), ",\"Position\":\"%s\",\"CRC\":",
                         rows[i].written ? rows[i].written : rows[i].position);
                tap_ok(strstr(line.text, mark), "%s: %s", rows[i].label, mark);
                tap_ok(record_position(line.text, line.length, position), "there is a position");
                tap_eq_str(position, rows[i].position, "as it was given");
        }
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                char position[POSITION_SIZE] = "", mark[POSITION_SIZE + 32];
                _cleanup_json_ struct json_object *attributes =
                        json_of("{\"Seq\":\"1\",\"Engine\":\"docker\"}");
                EventFields fields = plain;
                _cleanup_line_ Line line = {};

                fields.engine = words[i].engine;
                fields.time_nsec = SAMPLE_TIME;
                set_labels(&fields, attributes);
                line = line_of(&fields, 4711, words[i].position);
                snprintf(mark, sizeof(mark), ",\"Position\":\"%s\",\"CRC\":",
                         words[i].written ? words[i].written : words[i].position);
                tap_ok(strstr(line.text, mark), "%s: %s", words[i].label, line.text);
                tap_ok(record_position(line.text, line.length, position), "there is a position");
                tap_eq_str(position, words[i].position, "as it was given");
        }
}

/* A record that somebody else might have written. */
static void test_times_and_engines_that_cannot_be(void)
{
        static const char *const bodies[] = {
                "{\"Time\":\"1970-01-01T00:00:00Z\",\"Position\":\" 1\"",
                "{\"Time\":\"1970-01-01T00:00:00Z\",\"Seq\":1,\"Position\":\" 1\"",
                "{\"Time\":\"1970-01-01T00:00:00Z\",\"Seq\":1,\"Engine\":\"\",\"Position\":\" 1\"",
                "{\"Time\":\"1970-01-01T00:00:00Z\",\"Seq\":1,\"ExecID\":\"a\",\"Position\":\" 1\"",
                "{\"Seq\":1,\"Position\":\"podman@\"",
                "{\"Time\":\"x\",\"Seq\":1,\"Position\":\"podman@\"",
                "{\"Time\":\"1970-01-01T00:00:00Z,\"Position\":\"podman@\"",
                "{\"Time\":\"1970-01-01T00:00:00.00000000000000000000Z\",\"Position\":\"podman@\"",
        };

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                _cleanup_line_ Line line = line_sealed(bodies[i]);
                char position[POSITION_SIZE] = "untouched";

                tap_ok(!record_position(line.text, line.length, position), "%s", bodies[i]);
                tap_eq_str(position, "untouched", "it is no position");
        }
}

static void test_an_event_comes_back_as_it_was(void)
{
        _cleanup_json_ struct json_object *attributes = json_of("{\"A\":\"x\",\"Seq\":\"1\"}"),
                                          *extra = json_of("{\"lost_since_nsec\":5}");
        EventFields fields = plain;
        _cleanup_event_ Event *event = NULL;
        _cleanup_line_ Line line = {};
        const EventFields *again;

        set_labels(&fields, attributes);
        fields.extra = extra;
        fields.time_nsec = SAMPLE_TIME;
        fields.has_exit_code = true;
        line = line_of(&fields, 4711, "podman 1");
        if (!tap_eq_int(record_event(line.text, line.length, &event), 0, "it is read"))
                return;
        again = event_fields(event);
        tap_eq_u64(again->seq, 4711, "number");
        tap_eq_u64(again->time_nsec, SAMPLE_TIME, "time");
        tap_ok(again->has_exit_code && again->exit_code == 0, "exit code 0");
        tap_ok(has_labels(again, attributes), "attributes");
        tap_ok(json_object_equal(again->extra, extra), "what the engine added, and no more");
}

static void test_the_largest_event_fits(void)
{
        _cleanup_free_ char *name = repeated('\x01', EVENT_STRING_MAX), *position = NULL;
        _cleanup_json_ struct json_object *attributes = json_object_new_object();
        EventFields fields = {
                .type = name,
                .status = name,
                .id = name,
                .name = name,
                .image = name,
                .engine = name,
                .exec_id = name,
                .pod_id = name,
                .network = name,
                .health_status = name,
                .error = name,
                .reason = name,
                .evidence = name,
                .has_exit_code = true,
                .exit_code = INT32_MIN,
                .has_uid = true,
                .uid = UINT32_MAX,
                .oom_killed = true,
                .synthetic = true,
                .backlog = true,
                .time_nsec = UINT64_MAX,
        };
        _cleanup_line_ Line line = {};

        position = repeated('p', POSITION_SIZE - 1);
        for (int i = 0; i < 20000; i++) {
                char key[32];

                snprintf(key, sizeof(key), "\"%d", i);
                json_object_object_add(attributes, key, json_object_new_string("\n"));
        }
        set_labels(&fields, attributes);
        line = line_of(&fields, UINT64_MAX, position);
        tap_ok(line.length > EVENT_SIZE_MAX / 2, "it has %zu bytes", line.length);
        tap_ok(line.length + 1 < RECORD_SIZE_MAX, "which are less than a record may have");
        tap_ok(record_is_intact(line.text, line.length), "it is intact");
}

static void test_a_header_comes_back_as_it_was(void)
{
        RecordHeader header = { .format = RECORD_FORMAT, .first_seq = UINT64_MAX }, again = {};
        _cleanup_json_ struct json_object *positions = json_of("{\"podman\":\"1 2\"}");
        _cleanup_free_ char *text = NULL;
        size_t length;

        must(sd_id128_randomize(&header.epoch) == 0);
        header.positions = positions;
        tap_eq_int(record_format_header(&header, &text, &length), 0, "it is written");
        tap_eq_int(record_parse_header(text, length - 1, &again), 0, "it is read");
        tap_eq_int(again.format, RECORD_FORMAT, "its format");
        tap_ok(sd_id128_equal(again.epoch, header.epoch), "its epoch");
        tap_eq_u64(again.first_seq, UINT64_MAX, "its first number");
        tap_ok(json_object_equal(again.positions, positions), "its positions");
        tap_eq_u64(record_seq(text, length - 1), 0, "it has no number of its own");
        record_header_done(&again);
        tap_ok(!again.positions, "it is let go");
}

#define EPOCH "\"Epoch\":\"0123456789abcdef0123456789abcdef\""

static void test_headers_that_cannot_be(void)
{
        static const struct {
                const char *label, *body;
                int result;
        } rows[] = {
                { "one that can", "{\"Format\":1," EPOCH ",\"FirstSeq\":1,\"Positions\":{}", 0 },
                { "a format that is to come",
                  "{\"Format\":2," EPOCH ",\"FirstSeq\":1,\"Positions\":{}", 0 },
                { "no format", "{" EPOCH ",\"FirstSeq\":1,\"Positions\":{}", -EBADMSG },
                { "a format in words",
                  "{\"Format\":\"1\"," EPOCH ",\"FirstSeq\":1,\"Positions\":{}", -EBADMSG },
                { "no epoch", "{\"Format\":1,\"FirstSeq\":1,\"Positions\":{}", -EBADMSG },
                { "an epoch that is none",
                  "{\"Format\":1,\"Epoch\":\"x\",\"FirstSeq\":1,\"Positions\":{}", -EBADMSG },
                { "no first number", "{\"Format\":1," EPOCH ",\"Positions\":{}", -EBADMSG },
                { "a first number of 0", "{\"Format\":1," EPOCH ",\"FirstSeq\":0,\"Positions\":{}",
                  -EBADMSG },
                { "a first number below 0",
                  "{\"Format\":1," EPOCH ",\"FirstSeq\":-1,\"Positions\":{}", -EBADMSG },
                { "no positions", "{\"Format\":1," EPOCH ",\"FirstSeq\":1", -EBADMSG },
                { "positions that are none",
                  "{\"Format\":1," EPOCH ",\"FirstSeq\":1,\"Positions\":[]", -EBADMSG },
                { "a position that is none",
                  "{\"Format\":1," EPOCH ",\"FirstSeq\":1,\"Positions\":{\"a\":1}", -EBADMSG },
                { "no JSON", "{\"Format\":1,", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_line_ Line line = line_sealed(rows[i].body);
                RecordHeader header = {};

                tap_eq_int(record_parse_header(line.text, line.length, &header), rows[i].result,
                           "%s", rows[i].label);
                record_header_done(&header);
                line.text[2] ^= 1;
                tap_eq_int(record_parse_header(line.text, line.length, &header), -EBADMSG,
                           "%s, damaged", rows[i].label);
        }
}

int main(void)
{
        test_the_form_of_a_record();
        test_any_flipped_bit_is_seen();
        test_what_is_not_intact();
        test_the_number_is_ours();
        test_numbers_at_the_ends();
        test_numbers_in_damaged_text();
        test_the_shortest_record();
        test_the_position_is_ours();
        test_what_a_health_check_ran();
        test_positions_that_cannot_be();
        test_words_of_a_position_that_are_known();
        test_times_and_engines_that_cannot_be();
        test_an_event_comes_back_as_it_was();
        test_the_largest_event_fits();
        test_a_header_comes_back_as_it_was();
        test_headers_that_cannot_be();
        return tap_done();
}
