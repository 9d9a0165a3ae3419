/* SPDX-License-Identifier: Apache-2.0 */
#include "log/record-parser.h"

#include "log/record.h"

int record_parser_read(RecordParser *parser, const char *line, size_t length,
                       const EventFields **ret)
{
        Event *event;
        int r;

        r = event_scanner_read(&parser->scanner, line, length, EVENT_JSON_RECORD, ret);
        if (r != 0)
                return r < 0 ? r : 0;
        r = record_event(line, length, &event);
        if (r < 0)
                return r;

        event_unref(parser->event);
        parser->event = event;
        *ret = event_fields(event);
        return 0;
}

void record_parser_done(RecordParser *parser)
{
        event_scanner_done(&parser->scanner);
        parser->event = event_unref(parser->event);
}
