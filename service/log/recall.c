/* SPDX-License-Identifier: Apache-2.0 */
#include "log/recall.h"

#include <errno.h>

#include "base/cleanup.h"
#include "log/log-reader.h"
#include "log/record-parser.h"

static int read_on(LogReader *reader, const LogQuestion *question, RecordParser *parser,
                   int (*each)(const EventFields *fields, void *userdata), void *userdata)
{
        for (;;) {
                const EventFields *fields;
                const char *line;
                size_t length;
                int r;

                r = log_reader_next(reader, &line, &length);
                if (r <= 0)
                        return r;
                if (r == LOG_READER_AGAIN)
                        continue;
                r = record_parser_read(parser, line, length, &fields);
                if (r == -EBADMSG)
                        continue;
                if (r < 0)
                        return r;
                if (fields->time_nsec < question->since_nsec ||
                    !filter_matches(question->filter, fields))
                        continue;
                r = each(fields, userdata);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
}

int log_recall(EventLog *log, const char *const *terms, uint64_t since_nsec,
               int (*each)(const EventFields *fields, void *userdata), void *userdata)
{
        _cleanup_(log_reader_freep) LogReader *reader = NULL;
        _cleanup_(record_parser_done) RecordParser parser = {};
        _cleanup_(filter_freep) Filter *filter = NULL;
        char message[FILTER_MESSAGE_SIZE];
        LogQuestion question = { .since_nsec = since_nsec };
        int r;

        r = filter_new(terms, &filter, message);
        if (r < 0)
                return r;
        question.filter = filter;
        r = log_reader_new(log, &question, &reader);
        if (r < 0)
                return r;

        return read_on(reader, &question, &parser, each, userdata);
}
