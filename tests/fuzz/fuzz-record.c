/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "log/record-parser.h"
#include "log/record.h"

/* The parser reads what record_event() reads, and alike. */
static void read_both_ways(const char *line, size_t length)
{
        static RecordParser parser;
        _cleanup_(event_unrefp) Event *event = NULL, *parsed = NULL;
        _cleanup_(buffer_done) Buffer want = {}, got = {};
        const EventFields *fields;
        int r = record_event(line, length, &event);

        fuzz_assert(record_parser_read(&parser, line, length, &fields) == r);
        if (r < 0)
                return;
        fuzz_assert(*fields->type && *fields->status && fields->id && fields->name &&
                    fields->image && fields->engine);
        /* It does not cut what is longer than an event may be: no record of ours is. */
        fuzz_assert(event_new(fields, &parsed) == 0);
        fuzz_assert(record_put(&want, event, 1, NULL) == 0 &&
                    record_put(&got, parsed, 1, NULL) == 0);
        fuzz_assert(want.size == got.size && memcmp(want.data, got.data, got.size) == 0);
}

/* A line of a segment, as it is and with the right checksum behind it. */
static void look_at(const char *line, size_t length)
{
        char position[POSITION_SIZE];
        RecordHeader header = {};

        (void)record_is_intact(line, length);
        (void)record_seq(line, length);
        if (record_position(line, length, position))
                fuzz_assert(strlen(position) < POSITION_SIZE);
        read_both_ways(line, length);
        if (record_parse_header(line, length, &header) == 0)
                fuzz_assert(header.positions && header.first_seq > 0);
        record_header_done(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *line = malloc(size + 32);
        size_t length;

        look_at((const char *)data, size);
        fuzz_assert(line);
        memcpy(line, data, size);
        length = size + (size_t)sprintf(line + size, ",\"CRC\":\"%08lx\"}",
                                        crc32(0, data, (unsigned)size));
        look_at(line, length);
        return 0;
}
