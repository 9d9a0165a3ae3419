/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/line-reader.h"
#include "log/candidates.h"
#include "log/index-plan.h"

/* Where a bisection ends and a walk begins: about what one more read costs. */
#define WALK_SIZE (64 * 1024)

/* What is done before others have their turn, in bytes looked at: about a millisecond. To go to the
 * next segment, whose index is asked, is as much work as so many bytes. */
#define WORK_MAX     (1024 * 1024)
#define SEGMENT_WORK (4 * 1024)

struct LogReader {
        EventLog *log; /* weak */
        LogQuestion question;
        IndexPlan plan;    /* what of the question an index can tell */
        uint64_t seq;      /* the last that was given out */
        uint64_t filtered; /* up to here filters let the question pass */
        bool exits;        /* exit codes come first, and are not all read yet */

        /* The segment that is being read; segment.id is 0 before the first. */
        Segment segment;
        int fd; /* owned; -1: it was not needed yet, or the file is gone */
        bool gone;
        LineReader lines;

        /* What of it is read: the candidates that its index told, then all that stands behind what
         * the index covers. */
        Candidates candidates;
        size_t next; /* of the candidates */
        uint64_t covered;
};

int log_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret)
{
        _cleanup_(log_reader_freep) LogReader *reader = NULL;
        int r;

        reader = calloc(1, sizeof(LogReader));
        if (!reader)
                return -ENOMEM;
        reader->log = log;
        reader->question = *question;
        reader->seq = question->exits ? 0 : question->after_seq;
        reader->exits = question->exits;
        reader->fd = -1;
        r = index_plan_make(question->filter, &reader->plan);
        if (r < 0)
                return r;
        r = line_reader_init(&reader->lines, -1, 0, RECORD_SIZE_MAX);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(reader);
        return 0;
}

LogReader *log_reader_free(LogReader *reader)
{
        if (!reader)
                return NULL;

        if (reader->fd >= 0)
                close(reader->fd);
        candidates_done(&reader->candidates);
        index_plan_done(&reader->plan);
        line_reader_done(&reader->lines);
        free(reader);
        return NULL;
}

/* ---- a segment without an index ---- */

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

/* The start of a line at or before the first record with a greater number. */
static int find_behind(LineReader *lines, int fd, uint64_t size, uint64_t seq, uint64_t *ret)
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

        *ret = low;
        return 0;
}

/* ---- entering a segment ---- */

/* Opens the file of the segment if it is not open yet; -ENOENT if it is gone. */
static int need_file(LogReader *reader)
{
        char name[SEGMENT_NAME_SIZE];
        int fd;

        if (reader->fd >= 0)
                return 0;
        if (reader->gone)
                return -ENOENT;
        segment_name(&reader->segment, name);
        fd = segment_open(eventlog_directory_fd(reader->log), name, false);
        if (fd < 0) {
                reader->gone = fd == -ENOENT;
                return fd;
        }

        reader->fd = fd;
        line_reader_seek(&reader->lines, fd, 0);
        return 0;
}

/* Returns 1 if the index told, 0 if there is none that is any good. */
static int ask_index(LogReader *reader)
{
        const CandidateBounds bounds = {
                .after_seq = reader->seq,
                .since_nsec = reader->question.since_nsec,
                .until_nsec = reader->question.until_nsec,
        };
        Index index;
        int r;

        index = eventlog_index(reader->log, &reader->segment);
        if (!index_is_there(&index))
                return 0;
        r = candidates_find(&index, &reader->plan, &bounds, &reader->candidates);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                eventlog_discard_index(reader->log, &reader->segment);
                return 0;
        }

        reader->covered = index_summary(&index)->size;
        return 1;
}

/* Back to where it was before the first segment. */
static void leave(LogReader *reader)
{
        if (reader->fd >= 0)
                close(TAKE_FD(reader->fd));
        candidates_done(&reader->candidates);
        reader->segment = (Segment){};
        reader->next = 0;
        reader->covered = 0;
        reader->gone = false;
}

static int enter(LogReader *reader, const Segment *segment)
{
        int r;

        leave(reader);
        reader->segment = *segment;
        r = ask_index(reader);
        if (r != 0)
                return r < 0 ? r : 0;
        if (reader->seq < reader->segment.first_seq)
                return 0;
        r = need_file(reader);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r
                     : find_behind(&reader->lines, reader->fd, reader->segment.size, reader->seq,
                                   &reader->covered);
}

static int refresh(LogReader *reader);

/* Enters the segment of exit codes that starts there or further on, or else the history. Returns 1
 * if there is one of either. */
static int enter_exits(LogReader *reader, uint64_t first_seq)
{
        const Segment *exits = eventlog_exits_from(reader->log, first_seq);
        int r;

        if (exits) {
                r = enter(reader, exits);
                return r < 0 ? r : 1;
        }
        /* Their numbers may come again, when a segment could not be removed. */
        reader->exits = false;
        reader->seq = reader->question.after_seq;
        reader->segment = (Segment){};
        return refresh(reader);
}

/* The newest segment of exit codes may have grown, which makes another of it. */
static int refresh_exits(LogReader *reader)
{
        const Segment *now;
        int r;

        if (reader->segment.id == 0)
                return enter_exits(reader, 0);
        now = eventlog_exits_from(reader->log, reader->segment.first_seq);
        if (!now || now->first_seq != reader->segment.first_seq || now->id == reader->segment.id)
                return 1;
        r = enter(reader, now);
        return r < 0 ? r : 1;
}

/*
 * Brings what we know of the segment up to date: it may have grown, or been sealed, or be gone, or
 * a new one may have taken its place. Returns 1 if there is one that can be read on.
 */
static int refresh(LogReader *reader)
{
        const Segment *now;
        int r;

        if (reader->exits)
                return refresh_exits(reader);
        now = eventlog_segment_of(reader->log, reader->segment.id > 0 ? reader->segment.first_seq
                                                                      : reader->seq + 1);
        if (!now)
                return reader->segment.id > 0;
        if (now->id == reader->segment.id) {
                reader->segment = *now;
                return 1;
        }
        /* Gone; if it is open, what was committed when we saw it last is still there. */
        if (reader->segment.id > 0 && now->first_seq != reader->segment.first_seq) {
                reader->gone = true;
                return 1;
        }

        r = enter(reader, now);
        return r < 0 ? r : 1;
}

/* Returns 1 if there is a segment behind this one, and enters it. */
static int go_on(LogReader *reader)
{
        const Segment *next;
        int r;

        if (reader->exits)
                return enter_exits(reader, reader->segment.first_seq + 1);
        next = eventlog_segment_for(reader->log, reader->segment.first_seq, &reader->plan,
                                    &reader->filtered);
        if (!next)
                return 0;
        r = enter(reader, next);
        return r < 0 ? r : 1;
}

/* ---- reading ---- */

/* The stretch that is to be read now. Returns false if the segment has no more. */
static bool current_range(const LogReader *reader, LineRange *ret)
{
        if (reader->next < reader->candidates.n) {
                *ret = reader->candidates.ranges[reader->next];
                return true;
        }
        if (reader->covered >= reader->segment.size)
                return false;

        *ret = (LineRange){ reader->covered, UINT64_MAX };
        return true;
}

/* The stretch is read up to here. */
static void pass_over(LogReader *reader, const LineRange *range)
{
        if (reader->next < reader->candidates.n) {
                if (reader->lines.offset >= range->end)
                        reader->next++;
        } else {
                reader->covered = reader->lines.offset;
        }
}

/* The next line of the segment that is to be looked at. Returns a LineResult. */
static int next_line(LogReader *reader, uint64_t *ret_offset, const char **ret_line,
                     size_t *ret_length)
{
        LineRange range;
        int r;

        while (current_range(reader, &range)) {
                r = need_file(reader);
                if (r == -ENOENT)
                        return LINE_NONE;
                if (r < 0)
                        return r;
                if (reader->lines.offset < range.start)
                        line_reader_skip(&reader->lines, range.start);
                if (reader->lines.offset >= range.end) {
                        pass_over(reader, &range);
                        continue;
                }

                *ret_offset = reader->lines.offset;
                r = line_reader_next(&reader->lines, reader->segment.size, ret_line, ret_length);
                if (r == LINE_NONE && reader->next < reader->candidates.n) {
                        reader->next++; /* no whole line, though the index says so */
                        continue;
                }
                if (r > LINE_NONE)
                        pass_over(reader, &range);
                return r;
        }

        return LINE_NONE;
}

/* Numbers from here on stand in the next segment: what a failed commit left at the end of this one
 * does not count. */
static uint64_t seq_limit(const LogReader *reader)
{
        const Segment *next =
                reader->exits ? NULL
                              : eventlog_segment_after(reader->log, reader->segment.first_seq);

        return next ? next->first_seq : UINT64_MAX;
}

/* Whether the line is the next record; says it if the line is damaged. */
static bool take_line(LogReader *reader, uint64_t offset, const char *line, size_t length)
{
        uint64_t seq = record_seq(line, length);

        if (seq > 0 && seq <= reader->seq)
                return false;
        if (!index_plan_may_match(&reader->plan, line, length))
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
        if (r <= 0)
                return r;

        for (size_t work = 0; work < WORK_MAX;) {
                uint64_t offset = 0;
                const char *line;
                size_t length;

                r = next_line(reader, &offset, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE) {
                        r = go_on(reader);
                        if (r <= 0)
                                return r;
                        work += SEGMENT_WORK;
                        continue;
                }
                work += reader->lines.offset - offset;
                if (r == LINE_TOO_LONG)
                        eventlog_report_damage(reader->log, reader->segment.id, offset);
                else if (take_line(reader, offset, line, length)) {
                        *ret_line = line;
                        *ret_length = length;
                        return 1;
                }
        }

        return LOG_READER_AGAIN;
}

/* ---- runs ---- */

/* Where in the segment the first record stands that was not given out yet; 0 if that is not known
 * without reading. */
static uint64_t run_start(const LogReader *reader, const IndexSummary *summary)
{
        if (summary->first_seq > reader->seq)
                return summary->first_offset;
        return reader->fd >= 0 ? reader->lines.offset : 0;
}

int log_reader_run(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size)
{
        const LogQuestion *question = &reader->question;
        const IndexSummary *summary;
        uint64_t start;
        Index index;
        int fd, r;

        if (question->filter || reader->exits)
                return 0;
        r = refresh(reader);
        if (r <= 0 || reader->gone)
                return r < 0 ? r : 0;
        index = eventlog_index(reader->log, &reader->segment);
        if (!index_is_there(&index))
                return 0;
        summary = index_summary(&index);
        start = run_start(reader, summary);
        if (summary->n_damaged > 0 || summary->n_records == 0 || start == 0 ||
            start >= summary->size || summary->size != reader->segment.size ||
            summary->last_seq >= seq_limit(reader) || summary->min_nsec < question->since_nsec ||
            (question->until_nsec > 0 && summary->max_nsec >= question->until_nsec))
                return 0;

        r = need_file(reader);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        fd = fcntl(reader->fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return -errno;

        line_reader_seek(&reader->lines, reader->fd, summary->size);
        reader->next = reader->candidates.n;
        reader->covered = summary->size;
        reader->seq = summary->last_seq;
        *ret_fd = fd;
        *ret_offset = start;
        *ret_size = summary->size - start;
        return 1;
}

void log_reader_pass(LogReader *reader, uint64_t seq)
{
        if (seq <= reader->seq)
                return;
        reader->seq = seq;
        /* The next call finds the segment. */
        leave(reader);
}

uint64_t log_reader_seq(const LogReader *reader)
{
        return reader->seq;
}
