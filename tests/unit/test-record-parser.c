/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "log/record-parser.h"
#include "log/record.h"
#include "sample.h"
#include "tap.h"

/* Every record comes out of it as the event that it was, with one parser for all of them. */
static void test_events_come_back_as_they_were(void)
{
        static const EventAttribute labels[] = { { "A", "x\ny\"\xc3\xa4" }, { "Seq", "1" } };
        _cleanup_json_ struct json_object *extra = json_of("{\"n\":-5,\"d\":0.5,\"s\":\"x\"}");
        const EventFields rows[] = {
                { .type = "pod", .status = "stop" },
                { .type = "container",
                  .status = "died",
                  .id = SAMPLE_ID,
                  .engine = "podman",
                  .time_nsec = SAMPLE_TIME,
                  .exit_code = INT32_MIN,
                  .has_exit_code = true,
                  .attributes = labels,
                  .n_attributes = ELEMENTSOF(labels) },
                { .type = "system", .status = "lost", .backlog = true, .extra = extra },
                { .type = "pod", .status = "start", .reason = "\x01\x7f/\\" },
        };
        _cleanup_(record_parser_done) RecordParser parser = {};

        for (size_t i = 0; i < ELEMENTSOF(rows) * 3; i++) {
                _cleanup_event_ Event *event = event_of(rows + i % ELEMENTSOF(rows)), *again = NULL;
                _cleanup_free_ char *line = NULL, *rewritten = NULL;
                const EventFields *fields;
                size_t length, n;

                must(record_format(event, i + 1, "podman 1", &line, &length) == 0);
                if (!tap_eq_int(record_parser_read(&parser, line, length - 1, &fields), 0,
                                "record %zu is read", i + 1))
                        continue;
                tap_eq_u64(fields->seq, i + 1, "its number");
                again = event_of(fields);
                must(record_format(again, i + 1, "podman 1", &rewritten, &n) == 0);
                tap_eq_str(rewritten, line, "what it holds");
        }
}

static void test_what_is_no_event(void)
{
        static const char *const lines[] = { "", "{}", "rubbish", "{\"Type\":\"a\",\"Seq\":1}" };
        _cleanup_(record_parser_done) RecordParser parser = {};
        const EventFields *fields = NULL;

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                tap_eq_int(record_parser_read(&parser, lines[i], strlen(lines[i]), &fields),
                           -EBADMSG, "\"%s\"", lines[i]);
                tap_ok(!fields, "nothing was touched");
        }
}

int main(void)
{
        test_events_come_back_as_they_were();
        test_what_is_no_event();
        return tap_done();
}
