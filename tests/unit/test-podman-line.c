/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/utf8.h"
#include "sample.h"
#include "sources/podman-line.h"
#include "tap.h"

#define TAIL   "\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"container\""
#define U_FFFD "\xef\xbf\xbd"

static EventScanner scanner;

static int parse(const char *line, Event **ret)
{
        return podman_line_parse(&scanner, line, strlen(line), 1000, false, ret);
}

static void test_a_line_of_podman(void)
{
        static const char line[] =
                "{\"ContainerExitCode\":9,\"ID\":\"fde8\",\"Image\":\"localhost/bb:latest\","
                "\"Name\":\"t2\",\"Status\":\"exec_died\"," TAIL
                ",\"Attributes\":{\"foo\":\"bar\"}}";
        _cleanup_event_ Event *event = NULL, *backlog = NULL;
        const EventFields *fields;

        if (!tap_eq_int(parse(line, &event), 0, "is an event"))
                return;
        fields = event_fields(event);
        tap_eq_str(fields->type, "container", "its type");
        tap_eq_str(fields->status, "exec_died", "its status");
        tap_eq_str(fields->id, "fde8", "its ID");
        tap_eq_str(fields->image, "localhost/bb:latest", "its image");
        tap_eq_str(fields->name, "t2", "its name");
        tap_eq_str(fields->engine, "podman", "its engine");
        tap_eq_u64(fields->time_nsec, SAMPLE_TIME, "its time");
        tap_ok(fields->has_exit_code && fields->exit_code == 9, "its exit code");
        tap_eq_str(fields->evidence, "event", "who says so");
        tap_ok(fields->has_uid && fields->uid == 1000, "whose Podman it is");
        tap_ok(!fields->backlog && fields->seq == 0, "no more than it says");
        tap_eq_int(podman_line_parse(&scanner, line, strlen(line), 0, true, &backlog), 0,
                   "as backlog");
        tap_ok(event_fields(backlog)->backlog, "it is marked");
        tap_ok(event_fields(backlog)->has_uid && event_fields(backlog)->uid == 0, "root's");
}

static void test_exit_codes_that_podman_leaves_out(void)
{
        static const struct {
                const char *label, *line;
                bool has;
                int code;
        } rows[] = {
                { "0 of died, up to 4.9", "{\"Status\":\"died\"," TAIL "}", true, 0 },
                { "0 of exec_died", "{\"Status\":\"exec_died\"," TAIL "}", true, 0 },
                { "0, since 5.0", "{\"ContainerExitCode\":0,\"Status\":\"died\"," TAIL "}", true,
                  0 },
                { "another", "{\"ContainerExitCode\":3,\"Status\":\"died\"," TAIL "}", true, 3 },
                { "of remove it is unknown", "{\"Status\":\"remove\"," TAIL "}", false, 0 },
                { "of start there is none", "{\"Status\":\"start\"," TAIL "}", false, 0 },
                { "nor has a pod one",
                  "{\"Status\":\"died\",\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":\"pod\"}", false,
                  0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_event_ Event *event = NULL;

                must(parse(rows[i].line, &event) == 0);
                tap_ok(event_fields(event)->has_exit_code == rows[i].has, "%s", rows[i].label);
                tap_eq_int(event_fields(event)->exit_code, rows[i].code, "its value");
        }
}

static void test_ids_of_exec_sessions(void)
{
        static const struct {
                const char *label, *line, *want;
        } rows[] = {
                { "up to 4.2",
                  "{\"Status\":\"exec_died\"," TAIL ",\"Attributes\":{\"execID\":\"e1\"}}", "e1" },
                { "since 4.3", "{\"Status\":\"exec_died\"," TAIL ",\"Attributes\":{\"a\":\"b\"}}",
                  NULL },
                { "no attributes", "{\"Status\":\"exec_died\"," TAIL ",\"Attributes\":null}",
                  NULL },
                { "a label of that name means nothing elsewhere",
                  "{\"Status\":\"start\"," TAIL ",\"Attributes\":{\"execID\":\"e1\"}}", NULL },
                { "a key of ours is not Podman's",
                  "{\"Status\":\"exec_died\"," TAIL ",\"ExecID\":\"e1\"}", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_event_ Event *event = NULL;

                must(parse(rows[i].line, &event) == 0);
                tap_eq_str(event_fields(event)->exec_id, rows[i].want, "%s", rows[i].label);
        }
}

static void test_what_is_not_clean_is_cleaned(void)
{
        static const struct {
                const char *label, *name, *want;
        } rows[] = {
                { "plain", "web", "web" },
                { "UTF-8", "h\xc3\xa4", "h\xc3\xa4" },
                { "bytes that are none",
                  "a\xff"
                  "b",
                  "a" U_FFFD "b" },
                { "an escaped NUL", "a\\u0000b", "a" U_FFFD "b" },
                { "text that looks like one", "a\\\\u0000b", "a\\u0000b" },
                { "both", "\xc3\\u0000", U_FFFD U_FFFD },
                { "what Go escapes", "\\u003c\\u0026\\u2028", "<&\xe2\x80\xa8" },
                { "a surrogate pair", "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
                { "half of one", "\\ud83d!", U_FFFD "!" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_event_ Event *event = NULL;
                char line[256];

                snprintf(line, sizeof(line), "{\"Name\":\"%s\",\"Status\":\"start\"," TAIL "}",
                         rows[i].name);
                if (tap_eq_int(parse(line, &event), 0, "%s", rows[i].label))
                        tap_eq_str(event_fields(event)->name, rows[i].want, "its name");
        }
}

static void test_a_nul_byte_in_a_line(void)
{
        static const char line[] = "{\"Name\":\"a\0b\",\"Status\":\"start\"," TAIL "}";
        _cleanup_event_ Event *event = NULL;

        if (tap_eq_int(podman_line_parse(&scanner, line, sizeof(line) - 1, 0, false, &event), 0,
                       "is read"))
                tap_eq_str(event_fields(event)->name, "a" U_FFFD "b", "and replaced");
}

static void test_a_nul_in_labels(void)
{
        static const char line[] = "{\"Status\":\"start\"," TAIL
                                   ",\"Attributes\":{\"a\\u0000b\":\"c\\u0000\",\"d\":\"e\"}}";
        _cleanup_event_ Event *event = NULL;

        if (!tap_eq_int(parse(line, &event), 0, "is read"))
                return;
        tap_eq_str(event_attribute(event_fields(event), "a" U_FFFD "b"), "c" U_FFFD,
                   "in a key and its value");
}

static void test_what_is_no_event(void)
{
        static const char *const lines[] = {
                "",
                "rubbish",
                "{}",
                "{\"Status\":\"start\"," TAIL,
                "{\"Status\":\"start\"," TAIL "}x",
                "[{\"Status\":\"start\"," TAIL "}]",
                "{\"Sta{\"Status\":\"start\"," TAIL "}",
                "{\"Status\":1," TAIL "}",
                "{\"Status\":\"\"," TAIL "}",
                "{\"Status\":\"start\",\"Time\":\"yesterday\",\"Type\":\"container\"}",
                "{\"Status\":\"start\",\"Type\":\"container\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                Event *event = NULL;

                tap_eq_int(parse(lines[i], &event), -EBADMSG, "\"%s\"", lines[i]);
                tap_ok(!event, "there is no event");
        }
}

/* A DOS end of line, or a blank, is nobody's mistake that must cost an event. */
static void test_white_space_at_the_end(void)
{
        static const char *const ends[] = { "\r", " ", "\t " };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_event_ Event *event = NULL;
                char line[256];

                snprintf(line, sizeof(line), "{\"Status\":\"start\"," TAIL "}%s", ends[i]);
                tap_eq_int(parse(line, &event), 0, "white space %zu", i);
        }
}

static void test_rotation_records(void)
{
        static const struct {
                const char *label, *line;
                bool is;
        } rows[] = {
                { "the begin",
                  "{\"Name\":\"/run/libpod/events/events.log\",\"Status\":\"log-rotation\","
                  "\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"system\","
                  "\"Attributes\":{\"io.podman.event.rotate\":\"begin\"}}",
                  true },
                { "without attributes",
                  "{\"Status\":\"log-rotation\",\"Time\":\"2026-11-21T23:13:53Z\","
                  "\"Type\":\"system\",\"Attributes\":null}",
                  true },
                { "another event of the system",
                  "{\"Status\":\"refresh\",\"Time\":\"2026-11-21T23:13:53Z\",\"Type\":\"system\"}",
                  false },
                { "a container of that name",
                  "{\"Name\":\"log-rotation\",\"Status\":\"start\"," TAIL "}", false },
                { "a container with that label",
                  "{\"Status\":\"start\"," TAIL ",\"Attributes\":{\"Status\":\"log-rotation\"}}",
                  false },
                { "a container with that status", "{\"Status\":\"log-rotation\"," TAIL "}", false },
                { "rubbish with that word", "\"log-rotation\"", false },
                { "a piece of one", "{\"Status\":\"log-rotation\",\"Type\":\"system\"", false },
                { "nothing", "", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_ok(podman_line_is_rotation(rows[i].line, strlen(rows[i].line)) == rows[i].is,
                       "%s", rows[i].label);
}

int main(void)
{
        test_a_line_of_podman();
        test_exit_codes_that_podman_leaves_out();
        test_ids_of_exec_sessions();
        test_what_is_not_clean_is_cleaned();
        test_a_nul_byte_in_a_line();
        test_a_nul_in_labels();
        test_what_is_no_event();
        test_white_space_at_the_end();
        test_rotation_records();
        event_scanner_done(&scanner);
        return tap_done();
}
