/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log-reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/line-reader.h"

/* Where a bisection ends and a walk begins: about what one more read costs. */
#define WALK_SIZE (64 * 1024)

struct LogReader {
        EventLog *log; /* weak */
        uint64_t seq;  /* the last that was given out */

        /* The segment that is being read; segment.id is 0 before the first. */
        Segment segment;
        int fd; /* owned */
        LineReader lines;
};

int log_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret)
{
        LogReader *reader;

        reader = calloc(1, sizeof(LogReader));
        if (!reader)
                return -ENOMEM;
        reader->log = log;
        reader->seq = question->after_seq;
        reader->fd = -1;
        if (line_reader_init(&reader->lines, -1, 0, RECORD_SIZE_MAX) < 0) {
                free(reader);
                return -ENOMEM;
        }

        *ret = reader;
        return 0;
}

LogReader *log_reader_free(LogReader *reader)
{
        if (!reader)
                return NULL;

        if (reader->fd >= 0)
                close(reader->fd);
        line_reader_done(&reader->lines);
        free(reader);
        return NULL;
}

/* The number of the first intact record behind an offset that may lie inside a line; 0 if there is
 * none before the limit. */
static int probe(LineReader *lines, int fd, uint64_t offset, uint64_t limit, uint64_t *ret_seq)
{
        line_reader_seek(lines, fd, offset);

        for (bool first = true;; first = false) {
                const char *line;
                size_t length;
                int r;

                r = line_reader_next(lines, limit, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE) {
                        *ret_seq = 0;
                        return 0;
                }
                if (first || r == LINE_TOO_LONG || !record_is_intact(line, length))
                        continue;
                *ret_seq = record_seq(line, length);
                if (*ret_seq > 0)
                        return 0;
        }
}

/* Goes to the start of a line at or before the first record with a greater number. */
static int seek_behind(LineReader *lines, int fd, uint64_t size, uint64_t seq)
{
        uint64_t low = 0, high = size;

        while (high - low > WALK_SIZE) {
                uint64_t middle = low + (high - low) / 2, found;
                int r;

                r = probe(lines, fd, middle, high, &found);
                if (r < 0)
                        return r;
                if (found > 0 && found <= seq)
                        low = lines->offset;
                else
                        high = middle;
        }

        line_reader_seek(lines, fd, low);
        return 0;
}

/* Returns 1, or 0 if the file is gone: then it is passed over. */
static int open_segment(LogReader *reader, const Segment *segment)
{
        char name[SEGMENT_NAME_SIZE];
        int fd, r;

        segment_name(segment, name);
        fd = segment_open(eventlog_directory_fd(reader->log), name, false);
        if (fd < 0 && fd != -ENOENT)
                return fd;

        if (reader->fd >= 0)
                close(reader->fd);
        reader->fd = fd < 0 ? -1 : fd;
        reader->segment = *segment;
        line_reader_seek(&reader->lines, reader->fd, 0);
        if (fd < 0)
                return 0;

        r = seek_behind(&reader->lines, fd, segment->size, reader->seq);
        return r < 0 ? r : 1;
}

/*
 * Brings what we know of the segment up to date: it may have grown, or been sealed, or be gone, or
 * a new one may have taken its place. Returns 1 if it can be read on.
 */
static int refresh(LogReader *reader)
{
        const Segment *now;

        now = eventlog_segment_of(reader->log, reader->segment.id > 0 ? reader->segment.first_seq
                                                                      : reader->seq + 1);
        if (!now)
                return 0;
        if (now->id == reader->segment.id) {
                reader->segment = *now;
                return 1;
        }
        /* Gone, but open: what was committed when we saw it last is still there. */
        if (reader->segment.id > 0 && now->first_seq != reader->segment.first_seq)
                return 1;

        return open_segment(reader, now);
}

/* Returns 1 if there is a segment behind this one, and opens it. */
static int go_on(LogReader *reader)
{
        const Segment *next;
        int r;

        for (;;) {
                next = eventlog_segment_after(reader->log, reader->segment.first_seq);
                if (!next)
                        return 0;
                r = open_segment(reader, next);
                if (r != 0)
                        return r;
        }
}

/* Numbers from here on stand in the next segment: what a failed commit left at the end of this one
 * does not count. */
static uint64_t seq_limit(const LogReader *reader)
{
        const Segment *next = eventlog_segment_after(reader->log, reader->segment.first_seq);

        return next ? next->first_seq : UINT64_MAX;
}

/* Whether the line is the next record; says it if the line is damaged. */
static bool take_line(LogReader *reader, uint64_t offset, const char *line, size_t length)
{
        uint64_t seq = record_seq(line, length);

        if (seq > 0 && seq <= reader->seq)
                return false;
        if (!record_is_intact(line, length)) {
                eventlog_report_damage(reader->log, reader->segment.id, offset);
                return false;
        }
        if (seq == 0 || seq >= seq_limit(reader))
                return false;

        reader->seq = seq;
        return true;
}

int log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length)
{
        int r;

        r = refresh(reader);
        if (r < 0)
                return r;
        if (r == 0 && reader->segment.id == 0)
                return 0;

        for (;;) {
                uint64_t offset = reader->lines.offset;
                const char *line;
                size_t length;

                r = reader->fd < 0 ? LINE_NONE
                                   : line_reader_next(&reader->lines, reader->segment.size, &line,
                                                      &length);
                if (r < 0)
                        return r;
                if (r == LINE_TOO_LONG)
                        eventlog_report_damage(reader->log, reader->segment.id, offset);
                if (r == LINE_NONE) {
                        r = go_on(reader);
                        if (r <= 0)
                                return r;
                } else if (r == LINE_READ && take_line(reader, offset, line, length)) {
                        *ret_line = line;
                        *ret_length = length;
                        return 1;
                }
        }
}

uint64_t log_reader_seq(const LogReader *reader)
{
        return reader->seq;
}
