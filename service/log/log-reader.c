/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log-reader.h"

#include "log/backend.h"

int log_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret)
{
        return log->ops->reader_new(log, question, ret);
}

LogReader *log_reader_free(LogReader *reader)
{
        return reader ? reader->ops->free(reader) : NULL;
}

int log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length)
{
        return reader->ops->next(reader, ret_line, ret_length);
}

int log_reader_run(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size)
{
        if (!reader->ops->run)
                return 0;
        return reader->ops->run(reader, ret_fd, ret_offset, ret_size);
}

void log_reader_pass(LogReader *reader, uint64_t seq)
{
        if (seq <= reader->seq)
                return;
        reader->seq = seq;
        if (reader->ops->pass)
                reader->ops->pass(reader);
}

uint64_t log_reader_segment(const LogReader *reader)
{
        return reader->ops->segment ? reader->ops->segment(reader) : UINT64_MAX;
}

uint64_t log_reader_seq(const LogReader *reader)
{
        return reader->seq;
}
