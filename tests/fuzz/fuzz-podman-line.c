/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "log/record-parser.h"
#include "log/record.h"
#include "sources/podman-line.h"

/* Whatever Podman writes, its event becomes a record with our number and our position. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(event_scanner_done) EventScanner scanner = {};
        _cleanup_(event_unrefp) Event *event = NULL, *again = NULL;
        static RecordParser parser;
        const EventFields *fields;
        char *line = NULL, position[POSITION_SIZE];
        const char *text = (const char *)data;
        size_t length;
        int r;

        (void)podman_line_is_rotation(text, size);
        r = podman_line_parse(&scanner, text, size, 1000, true, &event);
        fuzz_assert(r == 0 || r == -EBADMSG);
        if (r < 0)
                return 0;

        fuzz_assert(event_fields(event)->backlog && utf8_is_valid(event_fields(event)->name));
        fuzz_assert(record_format(event, 4711, "podman 1", &line, &length) == 0);
        fuzz_assert(length <= RECORD_SIZE_MAX && record_is_intact(line, length - 1));
        fuzz_assert(record_seq(line, length - 1) == 4711);
        fuzz_assert(record_position(line, length - 1, position) &&
                    strcmp(position, "podman 1") == 0);
        fuzz_assert(record_event(line, length - 1, &again) == 0);
        fuzz_assert(strcmp(event_fields(again)->name, event_fields(event)->name) == 0);
        fuzz_assert(record_parser_read(&parser, line, length - 1, &fields) == 0);
        fuzz_assert(fields->time_nsec == event_fields(event)->time_nsec &&
                    fields->n_attributes == event_fields(event)->n_attributes &&
                    strcmp(fields->name, event_fields(event)->name) == 0);
        free(line);
        return 0;
}
