/* SPDX-License-Identifier: Apache-2.0 */
#include "log/logfile.h"

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

typedef struct LogfileReader {
        LogReader base;
        EventLog *log; /* weak */
        LogQuestion question;
        IndexPlan plan;    /* what of the question an index can tell */
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
} LogfileReader;

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
static int need_file(LogfileReader *reader)
{
        char name[SEGMENT_NAME_SIZE];
        int fd;

        if (reader->fd >= 0)
                return 0;
        if (reader->gone)
                return -ENOENT;
        segment_name(&reader->segment, name);
        fd = segment_open(logfile_directory_fd(reader->log), name, false);
        if (fd < 0) {
                reader->gone = fd == -ENOENT;
                return fd;
        }

        reader->fd = fd;
        line_reader_seek(&reader->lines, fd, 0);
        return 0;
}

/* Returns 1 if the index told, 0 if there is none that is any good. */
static int ask_index(LogfileReader *reader)
{
        const CandidateBounds bounds = {
                .after_seq = reader->base.seq,
                .since_nsec = reader->question.since_nsec,
                .until_nsec = reader->question.until_nsec,
        };
        Index index;
        int r;

        index = logfile_index(reader->log, &reader->segment);
        if (!index_is_there(&index))
                return 0;
        r = candidates_find(&index, &reader->plan, &bounds, &reader->candidates);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                logfile_discard_index(reader->log, &reader->segment);
                return 0;
        }

        reader->covered = index_summary(&index)->size;
        return 1;
}

/* Back to where it was before the first segment. */
static void leave(LogfileReader *reader)
{
        if (reader->fd >= 0)
                close(TAKE_FD(reader->fd));
        candidates_done(&reader->candidates);
        reader->segment = (Segment){};
        reader->next = 0;
        reader->covered = 0;
        reader->gone = false;
}

static int enter(LogfileReader *reader, const Segment *segment)
{
        int r;

        leave(reader);
        reader->segment = *segment;
        r = ask_index(reader);
        if (r != 0)
                return r < 0 ? r : 0;
        if (reader->base.seq < reader->segment.first_seq)
                return 0;
        r = need_file(reader);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r
                     : find_behind(&reader->lines, reader->fd, reader->segment.size,
                                   reader->base.seq, &reader->covered);
}

static int refresh(LogfileReader *reader);

/* Enters the segment of exit codes that starts there or further on, or else the history. Returns 1
 * if there is one of either. */
static int enter_exits(LogfileReader *reader, uint64_t first_seq)
{
        const Segment *exits = logfile_exits_from(reader->log, first_seq);
        int r;

        if (exits) {
                r = enter(reader, exits);
                return r < 0 ? r : 1;
        }
        /* Their numbers may come again, when a segment could not be removed. */
        reader->exits = false;
        reader->base.seq = reader->question.after_seq;
        reader->segment = (Segment){};
        return refresh(reader);
}

/* The newest segment of exit codes may have grown, which makes another of it. */
static int refresh_exits(LogfileReader *reader)
{
        const Segment *now;
        int r;

        if (reader->segment.id == 0)
                return enter_exits(reader, 0);
        now = logfile_exits_from(reader->log, reader->segment.first_seq);
        if (!now || now->first_seq != reader->segment.first_seq || now->id == reader->segment.id)
                return 1;
        r = enter(reader, now);
        return r < 0 ? r : 1;
}

/*
 * Brings what we know of the segment up to date: it may have grown, or been sealed, or be gone, or
 * a new one may have taken its place. Returns 1 if there is one that can be read on.
 */
static int refresh(LogfileReader *reader)
{
        const Segment *now;
        int r;

        if (reader->exits)
                return refresh_exits(reader);
        now = logfile_segment_of(reader->log, reader->segment.id > 0 ? reader->segment.first_seq
                                                                     : reader->base.seq + 1);
        if (!now)
                return reader->segment.id > 0;
        if (now->id == reader->segment.id) {
                reader->segment = *now;
                return 1;
        }
        /* Gone; if it is open, what was committed when we saw it last is still there. Otherwise it
         * may have been joined to the one before. */
        if (reader->fd >= 0 && now->first_seq != reader->segment.first_seq) {
                reader->gone = true;
                return 1;
        }

        r = enter(reader, now);
        return r < 0 ? r : 1;
}

/* Returns 1 if there is a segment behind this one, and enters it. */
static int go_on(LogfileReader *reader)
{
        const Segment *next;
        int r;

        if (reader->exits)
                return enter_exits(reader, reader->segment.first_seq + 1);
        next = logfile_segment_for(reader->log, reader->segment.first_seq, &reader->plan,
                                   &reader->filtered);
        if (!next)
                return 0;
        r = enter(reader, next);
        return r < 0 ? r : 1;
}

/* ---- reading ---- */

/* The stretch that is to be read now. Returns false if the segment has no more. */
static bool current_range(const LogfileReader *reader, LineRange *ret)
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
static void pass_over(LogfileReader *reader, const LineRange *range)
{
        if (reader->next < reader->candidates.n) {
                if (reader->lines.offset >= range->end)
                        reader->next++;
        } else {
                reader->covered = reader->lines.offset;
        }
}

/* The next line of the segment that is to be looked at. Returns a LineResult. */
static int next_line(LogfileReader *reader, uint64_t *ret_offset, const char **ret_line,
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
static uint64_t seq_limit(const LogfileReader *reader)
{
        const Segment *next =
                reader->exits ? NULL
                              : logfile_segment_after(reader->log, reader->segment.first_seq);

        return next ? next->first_seq : UINT64_MAX;
}

/* Whether the line is the next record; says it if the line is damaged. */
static bool take_line(LogfileReader *reader, uint64_t offset, const char *line, size_t length)
{
        uint64_t seq = record_seq(line, length);

        if (seq > 0 && seq <= reader->base.seq)
                return false;
        if (!index_plan_may_match(&reader->plan, line, length))
                return false;
        if (!record_is_intact(line, length)) {
                logfile_report_damage(reader->log, reader->segment.id, offset);
                return false;
        }
        if (seq == 0 || seq >= seq_limit(reader))
                return false;

        reader->base.seq = seq;
        return true;
}

static int logfile_reader_next(LogReader *base, const char **ret_line, size_t *ret_length)
{
        LogfileReader *reader = (LogfileReader *)base;
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
                        logfile_report_damage(reader->log, reader->segment.id, offset);
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
static uint64_t run_start(const LogfileReader *reader, const IndexSummary *summary)
{
        if (summary->first_seq > reader->base.seq)
                return summary->first_offset;
        return reader->fd >= 0 ? reader->lines.offset : 0;
}

static int logfile_reader_run(LogReader *base, int *ret_fd, uint64_t *ret_offset,
                              uint64_t *ret_size)
{
        LogfileReader *reader = (LogfileReader *)base;
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
        index = logfile_index(reader->log, &reader->segment);
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
        reader->base.seq = summary->last_seq;
        *ret_fd = fd;
        *ret_offset = start;
        *ret_size = summary->size - start;
        return 1;
}

/* The next call finds the segment. */
static void logfile_reader_pass(LogReader *base)
{
        leave((LogfileReader *)base);
}

/* ---- life ---- */

static LogReader *logfile_reader_free(LogReader *base)
{
        LogfileReader *reader = (LogfileReader *)base;

        if (reader->fd >= 0)
                close(reader->fd);
        candidates_done(&reader->candidates);
        index_plan_done(&reader->plan);
        line_reader_done(&reader->lines);
        free(reader);
        return NULL;
}

static uint64_t logfile_reader_segment(const LogReader *base)
{
        return ((const LogfileReader *)base)->segment.first_seq;
}

int logfile_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret)
{
        static const LogReaderOps ops = {
                .free = logfile_reader_free,
                .next = logfile_reader_next,
                .pass = logfile_reader_pass,
                .run = logfile_reader_run,
                .segment = logfile_reader_segment,
        };
        _cleanup_(log_reader_freep) LogReader *base = NULL;
        LogfileReader *reader;
        int r;

        reader = calloc(1, sizeof(LogfileReader));
        if (!reader)
                return -ENOMEM;
        base = &reader->base;
        base->ops = &ops;
        base->seq = question->exits ? 0 : question->after_seq;
        reader->exits = question->exits;
        reader->log = log;
        reader->question = *question;
        reader->fd = -1;
        r = index_plan_make(question->filter, &reader->plan);
        if (r < 0)
                return r;
        r = line_reader_init(&reader->lines, -1, 0, RECORD_SIZE_MAX);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(base);
        return 0;
}
