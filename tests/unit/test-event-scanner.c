/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "model/event-scanner.h"
#include "sample.h"
#include "tap.h"

#define HEAD   "{\"Status\":\"a\",\"Time\":\"2026-11-21T23:13:53.1Z\",\"Type\":\"b\""
#define RECORD HEAD ",\"Seq\":1"

#define _cleanup_scanner_ _cleanup_(event_scanner_done)

static char *text_of(const EventFields *fields)
{
        Buffer buffer = {};

        must(event_json_put(&buffer, fields, fields->seq) == 0);
        buffer_put(&buffer, "", 1);
        return buffer.data;
}

/* What the line is for the one that knows all of JSON; NULL if it is no event. The caller owns it.
 */
static char *text_by_tree(const char *line, size_t length, EventJsonForm form)
{
        _cleanup_json_ struct json_object *root = NULL;
        EventFields fields;

        if (event_json_tokenize(line, length, &root) < 0 ||
            event_json_read(root, form, &fields) < 0)
                return NULL;
        return text_of(&fields);
}

static void test_every_key(void)
{
        static const char line[] =
                "{\"ContainerExitCode\":-1,\"OOMKilled\":true,\"ID\":\"i\",\"Image\":\"m\","
                "\"Name\":\"n\",\"network\":\"w\",\"Status\":\"died\","
                "\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"container\","
                "\"health_status\":\"h\",\"error\":\"e\",\"PodID\":\"p\","
                "\"Attributes\":{\"a\":\"b\",\"\":\"\"},\"Seq\":18446744073709551615,"
                "\"Engine\":\"podman\",\"ExecID\":\"x\",\"UID\":4294967295,\"Synthetic\":true,"
                "\"Reason\":\"r\",\"Evidence\":\"v\",\"Truncated\":true,\"Backlog\":true,"
                "\"Position\":\"podman 1\",\"CRC\":\"01234567\"}";
        _cleanup_scanner_ EventScanner scanner = {};
        const EventFields *f;

        if (!tap_eq_int(event_scanner_read(&scanner, line, sizeof(line) - 1, EVENT_JSON_RECORD, &f),
                        1, "a record with all of them"))
                return;
        tap_eq_str(f->type, "container", "Type");
        tap_eq_str(f->status, "died", "Status");
        tap_eq_str(f->id, "i", "ID");
        tap_eq_str(f->name, "n", "Name");
        tap_eq_str(f->image, "m", "Image");
        tap_eq_str(f->engine, "podman", "Engine");
        tap_eq_u64(f->time_nsec, SAMPLE_TIME, "Time");
        tap_eq_u64(f->seq, UINT64_MAX, "Seq");
        tap_eq_str(f->exec_id, "x", "ExecID");
        tap_eq_str(f->pod_id, "p", "PodID");
        tap_eq_str(f->network, "w", "network");
        tap_eq_str(f->health_status, "h", "health_status");
        tap_eq_str(f->error, "e", "error");
        tap_eq_str(f->reason, "r", "Reason");
        tap_eq_str(f->evidence, "v", "Evidence");
        tap_ok(f->has_exit_code && f->exit_code == -1, "ContainerExitCode");
        tap_ok(f->has_uid && f->uid == UINT32_MAX, "UID");
        tap_ok(f->oom_killed && f->synthetic && f->truncated && f->backlog, "flags");
        tap_eq_u64(f->n_attributes, 2, "Attributes");
        tap_eq_str(event_attribute(f, "a"), "b", "one of them");
        tap_eq_str(event_attribute(f, ""), "", "an empty one");
        tap_ok(!f->extra, "and nothing else");
}

static void test_what_is_absent(void)
{
        _cleanup_scanner_ EventScanner scanner = {};
        const EventFields *f;

        must(event_scanner_read(&scanner, RECORD "}", strlen(RECORD "}"), EVENT_JSON_RECORD, &f) ==
             1);
        tap_eq_str(f->id, "", "ID");
        tap_eq_str(f->name, "", "Name");
        tap_eq_str(f->image, "", "Image");
        tap_eq_str(f->engine, "", "Engine");
        tap_ok(!f->exec_id && !f->pod_id && !f->network && !f->health_status && !f->error &&
                       !f->reason && !f->evidence && !f->attributes && !f->has_exit_code &&
                       !f->has_uid,
               "what need not apply does not");
}

static void test_what_is_read(void)
{
        static const struct {
                const char *label, *line;
                EventJsonForm form;
        } rows[] = {
                { "the least of Podman", HEAD "}", EVENT_JSON_PODMAN },
                { "the least of ours", RECORD "}", EVENT_JSON_RECORD },
                { "no attributes", HEAD ",\"Attributes\":null}", EVENT_JSON_PODMAN },
                { "empty attributes", HEAD ",\"Attributes\":{}}", EVENT_JSON_PODMAN },
                { "empty strings", HEAD ",\"error\":\"\",\"PodID\":\"\"}", EVENT_JSON_PODMAN },
                { "every escape", HEAD ",\"error\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\"}",
                  EVENT_JSON_PODMAN },
                { "escaped characters",
                  HEAD ",\"error\":\"\\u003cx\\u003e\\u00e4\\u07ff\\u0800\\u20ac\\ufffd\"}",
                  EVENT_JSON_PODMAN },
                { "no ASCII", HEAD ",\"error\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \\n \x7f\"}",
                  EVENT_JSON_PODMAN },
                { "an escaped key", HEAD ",\"Attributes\":{\"a\\\"b\":\"\\\\\",\"ab\":\"c\"}}",
                  EVENT_JSON_PODMAN },
                { "a false flag", RECORD ",\"Backlog\":false}", EVENT_JSON_RECORD },
                { "numbers of 0",
                  "{\"ContainerExitCode\":0,\"Status\":\"a\",\"Time\":\"1970-01-01T00:00:00Z\","
                  "\"Type\":\"b\",\"Seq\":1,\"UID\":0}",
                  EVENT_JSON_RECORD },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_scanner_ EventScanner scanner = {};
                size_t length = strlen(rows[i].line);
                _cleanup_free_ char *want = text_by_tree(rows[i].line, length, rows[i].form),
                                    *got = NULL;
                const EventFields *fields;

                if (!tap_eq_int(event_scanner_read(&scanner, rows[i].line, length, rows[i].form,
                                                   &fields),
                                1, "%s", rows[i].label))
                        continue;
                got = text_of(fields);
                tap_eq_str(got, want, "is as json-c reads it");
        }
}

static void test_what_is_left_to_others(void)
{
        static const struct {
                const char *label, *line;
                EventJsonForm form;
        } rows[] = {
                { "nothing", "", EVENT_JSON_RECORD },
                { "an empty object", "{}", EVENT_JSON_RECORD },
                { "an array", "[1]", EVENT_JSON_RECORD },
                { "what is cut", RECORD, EVENT_JSON_RECORD },
                { "what is cut in a string", HEAD ",\"error\":\"x", EVENT_JSON_PODMAN },
                { "what is cut in an escape", HEAD ",\"error\":\"\\", EVENT_JSON_PODMAN },
                { "what is cut in a code", HEAD ",\"error\":\"\\u00", EVENT_JSON_PODMAN },
                { "what is cut in a key", HEAD ",\"erro", EVENT_JSON_PODMAN },
                { "what is cut in a word", HEAD ",\"Attributes\":nul", EVENT_JSON_PODMAN },
                { "what is cut in attributes", HEAD ",\"Attributes\":{\"a\":", EVENT_JSON_PODMAN },
                { "something behind it", RECORD "}x", EVENT_JSON_RECORD },
                { "a comma behind it", RECORD ",}", EVENT_JSON_RECORD },
                { "white space", RECORD ", \"Engine\":\"x\"}", EVENT_JSON_RECORD },
                { "another order", RECORD ",\"Type\":\"b\"}", EVENT_JSON_RECORD },
                { "a key twice", RECORD ",\"Seq\":2}", EVENT_JSON_RECORD },
                { "an unknown key", HEAD ",\"health_log\":\"x\"}", EVENT_JSON_PODMAN },
                { "a key of ours", RECORD "}", EVENT_JSON_PODMAN },
                { "what the engine added", RECORD ",\"Extra\":{\"a\":1}}", EVENT_JSON_RECORD },
                { "a label twice", HEAD ",\"Attributes\":{\"a\":\"1\",\"a\":\"2\"}}",
                  EVENT_JSON_PODMAN },
                { "a label twice, once escaped",
                  HEAD ",\"Attributes\":{\"a\":\"1\",\"\\u0061\":\"2\"}}", EVENT_JSON_PODMAN },
                { "a label that is a number", HEAD ",\"Attributes\":{\"a\":1}}",
                  EVENT_JSON_PODMAN },
                { "a NUL", HEAD ",\"error\":\"\\u0000\"}", EVENT_JSON_PODMAN },
                { "a control character", HEAD ",\"error\":\"\n\"}", EVENT_JSON_PODMAN },
                { "half a character", HEAD ",\"error\":\"\xc3\"}", EVENT_JSON_PODMAN },
                { "half a pair", HEAD ",\"error\":\"\\ud83d\"}", EVENT_JSON_PODMAN },
                { "a pair", HEAD ",\"error\":\"\\ud83d\\ude00\"}", EVENT_JSON_PODMAN },
                { "what the bus does not take", HEAD ",\"error\":\"\\uffff\"}", EVENT_JSON_PODMAN },
                { "no escape", HEAD ",\"error\":\"\\x\"}", EVENT_JSON_PODMAN },
                { "no number", HEAD ",\"Seq\":x}", EVENT_JSON_RECORD },
                { "a number of 0", HEAD ",\"Seq\":0}", EVENT_JSON_RECORD },
                { "a zero before a number", HEAD ",\"Seq\":01}", EVENT_JSON_RECORD },
                { "a fraction", HEAD ",\"Seq\":1.5}", EVENT_JSON_RECORD },
                { "a number past all", HEAD ",\"Seq\":18446744073709551616}", EVENT_JSON_RECORD },
                { "no Seq", HEAD ",\"Engine\":\"x\"}", EVENT_JSON_RECORD },
                { "a uid past 32 bits", RECORD ",\"UID\":4294967296}", EVENT_JSON_RECORD },
                { "an exit code past 32 bits",
                  "{\"ContainerExitCode\":2147483648,\"Status\":\"a\","
                  "\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":\"b\"}",
                  EVENT_JSON_PODMAN },
                { "an empty status",
                  "{\"Status\":\"\",\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":\"b\"}",
                  EVENT_JSON_PODMAN },
                { "no type", "{\"Status\":\"a\",\"Time\":\"1970-01-01T00:00:00Z\"}",
                  EVENT_JSON_PODMAN },
                { "no time", "{\"Status\":\"a\",\"Type\":\"b\"}", EVENT_JSON_PODMAN },
                { "a time that is none", "{\"Status\":\"a\",\"Time\":\"x\",\"Type\":\"b\"}",
                  EVENT_JSON_PODMAN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t length = strlen(rows[i].line);
                /* Exactly as long as it is, so that a sanitizer sees who reads on. */
                _cleanup_free_ char *line = malloc(length + 1);
                _cleanup_scanner_ EventScanner scanner = {};
                const EventFields *fields = NULL;

                must(line && memcpy(line, rows[i].line, length));
                tap_eq_int(event_scanner_read(&scanner, line, length, rows[i].form, &fields), 0,
                           "%s", rows[i].label);
                tap_ok(!fields, "nothing was touched");
        }
}

/* However many labels there are, and however much else: the next line is read as if there had been
 * none before. */
static void test_one_scanner_for_all_lines(void)
{
        _cleanup_scanner_ EventScanner scanner = {};
        unsigned n_wrong = 0, n_left = 0;

        for (unsigned round = 0; round < 200; round++) {
                _cleanup_(buffer_done) Buffer line = {};
                _cleanup_free_ char *want = NULL, *got = NULL;
                unsigned n = round * 7 % 80;
                const EventFields *fields;

                buffer_put_literal(&line, HEAD);
                for (unsigned i = 0; i < n; i++) {
                        buffer_put(&line, i == 0 ? ",\"Attributes\":{\"k" : ",\"k",
                                   i == 0 ? 17 : 3);
                        buffer_put_u64(&line, i);
                        buffer_put_literal(&line, "\":\"");
                        buffer_put_u64(&line, (uint64_t)i * round);
                        buffer_put_literal(&line, "\"");
                }
                buffer_put(&line, "}}", n > 0 ? 2 : 1);
                want = text_by_tree(line.data, line.size, EVENT_JSON_PODMAN);
                must(want);
                if (event_scanner_read(&scanner, line.data, line.size, EVENT_JSON_PODMAN, &fields) >
                    0)
                        got = text_of(fields);
                n_left += !got;
                n_wrong += got && strcmp(got, want) != 0;
        }
        tap_eq_u64(n_wrong, 0, "each line is what it is");
        tap_ok(n_left > 0 && n_left < 60, "%u with very many labels are left to others", n_left);
}

/* What it reads json-c reads too, and alike, whatever happened to the line. */
static void test_damaged_lines(void)
{
        static const char *const seeds[] = {
                "{\"ContainerExitCode\":9,\"ID\":\"fde8\",\"Image\":\"bb\",\"Name\":\"t\\u003c2\","
                "\"Status\":\"died\",\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":"
                "\"container\",\"Attributes\":{\"foo\":\"bar\",\"b\":\"\\\\\\\"\xc3\xa4\"}}",
                "{\"Status\":\"died\",\"Time\":\"2026-11-21T23:13:53Z\",\"Type\":\"c\",\"Attributes"
                "\":{\"A\":\"\"},\"Seq\":5,\"Engine\":\"podman\",\"UID\":10,\"Backlog\":true,"
                "\"Position\":\"podman 5\",\"CRC\":\"00000000\"}",
        };
        static const char bytes[] = "\"\\{}:,u0019an\x01\xc3\xff";
        _cleanup_scanner_ EventScanner scanner = {};
        unsigned n_read = 0, n_wrong = 0;
        uint64_t seed = 99;

        for (unsigned round = 0; round < 20000; round++) {
                EventJsonForm form = round % 2 ? EVENT_JSON_RECORD : EVENT_JSON_PODMAN;
                size_t length = strlen(seeds[round % 2]);
                _cleanup_free_ char *line = malloc(length), *want = NULL, *got = NULL;
                const EventFields *fields;

                must(line && memcpy(line, seeds[round % 2], length));
                for (unsigned n = random_below(&seed, 3); n > 0; n--)
                        line[random_below(&seed, (unsigned)length)] =
                                bytes[random_below(&seed, sizeof(bytes))];
                if (event_scanner_read(&scanner, line, length, form, &fields) <= 0)
                        continue;
                n_read++;
                got = text_of(fields);
                want = text_by_tree(line, length, form);
                n_wrong += !want || strcmp(got, want) != 0;
        }
        tap_ok(n_read > 7000, "%u of 20000 lines are read", n_read);
        tap_eq_u64(n_wrong, 0, "as json-c reads them");
}

int main(void)
{
        test_every_key();
        test_what_is_absent();
        test_what_is_read();
        test_what_is_left_to_others();
        test_one_scanner_for_all_lines();
        test_damaged_lines();
        return tap_done();
}
