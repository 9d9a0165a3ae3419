/* SPDX-License-Identifier: Apache-2.0 */
#include "log/line-check.h"

#include <errno.h>

#include "log/record.h"

int line_check(LineCheck *check, const char *line, size_t length, const EventFields **ret_event)
{
        const EventFields *event;
        int r;

        *ret_event = NULL;
        if (!line || !record_is_intact(line, length))
                return LINE_DAMAGED;
        r = record_parser_read(&check->parser, line, length, &event);
        if (r == -ENOMEM)
                return r;
        /* Who reads the history takes the number from the text. */
        if (r < 0 || event->seq == 0 || event->seq != record_seq(line, length))
                return LINE_NO_EVENT;

        *ret_event = event;
        if (event->seq <= check->last_seq)
                return LINE_UNORDERED;
        if (event->seq < check->first_seq || event->seq >= check->next_seq)
                return LINE_STRAY;
        check->last_seq = event->seq;
        return LINE_GOOD;
}

void line_check_done(LineCheck *check)
{
        record_parser_done(&check->parser);
}
