/* SPDX-License-Identifier: Apache-2.0 */
#include "log/verify-segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/line-reader.h"
#include "log/line-check.h"
#include "log/losses.h"
#include "log/verify-exits.h"

typedef struct Walk {
        VerifyWork *work;    /* weak */
        SegmentCheck *check; /* weak */
        char name[SEGMENT_NAME_SIZE];
        LineReader reader;
        LineCheck lines;
        VerifyPlace place; /* of the line that is looked at */

        /* Lines that are not intact, one after the other: where the first is, and how many. */
        VerifyPlace bad;
        uint64_t n_bad;

        uint64_t n_missing; /* numbers that no line has */
        bool damaged;       /* such lines stand behind the last good one */
} Walk;

static bool in_flight(const Walk *walk)
{
        return walk->check->segment.active && verify_is_written(walk->work);
}

/* Lines that are not intact, and an intact one behind them. */
static void end_bad(Walk *walk)
{
        if (walk->n_bad == 0)
                return;
        if (walk->n_bad == 1)
                verify_say(walk->work, FINDING_PROBLEM, FINDING_LINE, walk->name, &walk->bad,
                           "The line is damaged: its checksum does not fit.");
        else
                verify_say(walk->work, FINDING_PROBLEM, FINDING_LINE, walk->name, &walk->bad,
                           "%" PRIu64 " lines from here on are damaged: their checksums do not "
                           "fit.",
                           walk->n_bad);
        walk->n_bad = 0;
        walk->check->bad = true;
}

/* ---- numbers ---- */

static int note_hole(Walk *walk, uint64_t first_seq, uint64_t next_seq)
{
        const SegmentCheck *check = walk->check;
        const VerifyRange hole = {
                .first_seq = first_seq,
                .last_seq = next_seq - 1,
                .first_file = check->segment.active ? 0 : check->segment.first_seq,
                .offset = walk->place.offset,
                .line = walk->place.line,
                .damaged = walk->damaged,
        };

        if (next_seq <= first_seq || check->segment.exits)
                return 0;
        walk->n_missing += next_seq - first_seq;
        /* There they are many, and counted in the header. */
        if (check->header.thinned && !walk->damaged)
                return 0;
        return verify_range_add(&walk->work->holes, &hole);
}

/* Which number would come without a hole. */
static uint64_t expected_seq(const Walk *walk, uint64_t last_seq)
{
        return last_seq > 0 ? last_seq + 1 : walk->check->segment.first_seq;
}

static void check_thinned(Walk *walk)
{
        const RecordHeader *header = &walk->check->header;
        uint64_t n_more, n_thinned;

        if (__builtin_add_overflow(header->n_thinned, header->n_thinned_execs, &n_thinned))
                n_thinned = UINT64_MAX;
        if (!header->thinned || walk->check->bad || walk->n_missing <= n_thinned)
                return;
        n_more = walk->n_missing - n_thinned;
        if (walk->work->lost.n > 0 || walk->work->quarantined)
                return;
        walk->work->result.n_unexplained += n_more;
        verify_say(walk->work, FINDING_NOTE, FINDING_HOLE, walk->name, NULL,
                   "%" PRIu64 " more numbers are missing than were thinned out.", n_more);
}

/* ---- lines ---- */

static int take_event(Walk *walk, uint64_t last_seq, size_t length, const EventFields *event)
{
        SegmentCheck *check = walk->check;
        VerifyRange lost = {};
        int r;

        r = note_hole(walk, expected_seq(walk, last_seq), event->seq);
        if (r < 0)
                return r;
        walk->damaged = false;
        if (loss_event_range(event, &lost.first_seq, &lost.last_seq) &&
            (r = verify_range_add(&walk->work->lost, &lost)) < 0)
                return r;
        r = verify_exits_note(walk->work->endings, event);
        if (r < 0)
                return r;
        check->last_seq = event->seq;
        walk->work->result.n_events++;
        if (check->index) {
                r = index_memory_add(check->index, walk->place.offset, length + 1, event);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) /* no segment is that large */
                        check->index = index_memory_free(check->index);
        }
        return 0;
}

/* "line" is NULL for one that was too long. */
static int look_at_record(Walk *walk, const char *line, size_t length)
{
        const uint64_t last_seq = walk->lines.last_seq;
        const EventFields *event;
        int verdict;

        verdict = line_check(&walk->lines, line, length, &event);
        if (verdict < 0)
                return verdict;
        walk->place.seq = event ? event->seq : 0;
        if (verdict == LINE_DAMAGED) {
                if (walk->n_bad++ == 0)
                        walk->bad = walk->place;
                walk->damaged = true;
                return 0;
        }
        end_bad(walk);
        if (verdict == LINE_GOOD)
                return take_event(walk, last_seq, length, event);

        walk->check->bad = walk->damaged = true;
        if (verdict == LINE_NO_EVENT)
                verify_say(walk->work, FINDING_PROBLEM, FINDING_RECORD, walk->name, &walk->place,
                           "The line is intact, but is no event.");
        else if (verdict == LINE_UNORDERED)
                verify_say(walk->work, FINDING_PROBLEM, FINDING_ORDER, walk->name, &walk->place,
                           "The number does not come after the one before, %" PRIu64 ".", last_seq);
        else
                verify_say(walk->work, FINDING_PROBLEM, FINDING_ORDER, walk->name, &walk->place,
                           "The number does not belong into this file.");
        return 0;
}

/* ---- the header ---- */

static void bad_header(Walk *walk, FindingKind kind, const char *sentence)
{
        walk->check->bad = true;
        verify_say(walk->work, FINDING_PROBLEM, kind, walk->name, &walk->place, "%s", sentence);
}

static void judge_header(Walk *walk)
{
        SegmentCheck *check = walk->check;
        const RecordHeader *header = &check->header;
        VerifyWork *work = walk->work;

        if (header->format != RECORD_FORMAT) {
                check->not_readable = true;
                verify_say(work, FINDING_PROBLEM, FINDING_FORMAT, walk->name, &walk->place,
                           "The file has format %" PRIi64 ", and this version knows only %d.",
                           header->format, RECORD_FORMAT);
        } else if (!sd_id128_equal(header->epoch, work->epoch)) {
                check->foreign = true;
                bad_header(walk, FINDING_HEADER, "The file is of another history.");
        } else if (header->first_seq != check->segment.first_seq) {
                check->foreign = true;
                bad_header(walk, FINDING_HEADER,
                           "The header has another first number than the name.");
        } else if (header->exits != check->segment.exits) {
                check->foreign = true;
                bad_header(walk, FINDING_HEADER,
                           "The header is not of that kind of file: events, or exit codes.");
        }
}

/* Returns 1 if the line is a record instead, or negative errno. */
static int look_at_header(Walk *walk, const char *line, size_t length)
{
        SegmentCheck *check = walk->check;
        int r = -EBADMSG;

        if (line)
                r = record_parse_header(line, length, &check->header);
        if (r == -ENOMEM)
                return r;
        check->has_header = r >= 0;
        if (check->has_header) {
                judge_header(walk);
                return 0;
        }
        if (line && record_is_intact(line, length) && record_seq(line, length) > 0) {
                bad_header(walk, FINDING_HEADER, "The file begins without a header.");
                return 1;
        }
        bad_header(walk, FINDING_HEADER, "The header is damaged.");
        return 0;
}

/* ---- a file ---- */

static int look_at_line(Walk *walk, const char *line, size_t length)
{
        int r = 1;

        walk->place.line++;
        walk->place.seq = 0;
        walk->work->result.n_lines++;
        if (walk->place.line == 1)
                r = look_at_header(walk, line, length);
        return r > 0 ? look_at_record(walk, line, length) : r;
}

static void look_at_tail(Walk *walk)
{
        SegmentCheck *check = walk->check;
        const uint64_t end = walk->reader.offset;
        const VerifyPlace place =
                walk->n_bad > 0 ? walk->bad : (VerifyPlace){ end, walk->place.line + 1, 0 };

        if (walk->n_bad == 0 && end >= check->size) {
                if (walk->place.line == 0)
                        bad_header(walk, FINDING_HEADER, "The file is empty.");
                return;
        }
        if (in_flight(walk)) {
                verify_say(walk->work, FINDING_NOTE, FINDING_TAIL, walk->name, &place,
                           "The last %" PRIu64 " bytes are no whole lines yet: the service is "
                           "writing.",
                           check->size - place.offset);
                return;
        }
        check->bad = true;
        verify_say(walk->work, FINDING_PROBLEM, FINDING_TAIL, walk->name, &place,
                   "The end of the file is torn: %" PRIu64 " bytes.", check->size - place.offset);
}

static int walk_lines(Walk *walk)
{
        SegmentCheck *check = walk->check;

        for (;;) {
                const char *line = NULL;
                size_t length = 0;
                int r;

                walk->place.offset = walk->reader.offset;
                r = line_reader_next(&walk->reader, check->size, &line, &length);
                if (r <= 0)
                        return r;
                r = look_at_line(walk, r == LINE_TOO_LONG ? NULL : line, length);
                if (r < 0)
                        return r;
                verify_progress(walk->work, walk->reader.offset - walk->place.offset);
                if (check->not_readable || check->foreign)
                        return 0;
                if (check->index && index_memory_summary(check->index)->size < walk->reader.offset)
                        index_memory_skip(check->index, walk->reader.offset, walk->place.line > 1);
        }
}

static int finish(Walk *walk)
{
        SegmentCheck *check = walk->check;
        int r = 0;

        if (check->not_readable || check->foreign)
                return 0;
        look_at_tail(walk);
        if (check->next_seq != UINT64_MAX) {
                r = note_hole(walk, expected_seq(walk, walk->lines.last_seq), check->next_seq);
                check_thinned(walk);
        }
        return r;
}

/* The active segment was opened before the others were looked for. Returns a descriptor. */
static int open_file(Walk *walk)
{
        SegmentCheck *check = walk->check;
        struct stat st;
        int fd;

        fd = check->segment.active ? fcntl(walk->work->active_fd, F_DUPFD_CLOEXEC, 3)
                                   : segment_open(walk->work->directory_fd, walk->name, false);
        if (fd < 0)
                return check->segment.active ? -errno : fd;
        if (fstat(fd, &st) < 0) {
                close(fd);
                return -EIO;
        }
        check->size = check->segment.active ? walk->work->active_size : (uint64_t)st.st_size;
        return fd;
}

int verify_segment(VerifyWork *work, SegmentCheck *check)
{
        Walk walk = { .work = work, .check = check };
        _cleanup_close_ int fd = -1;
        int r;

        segment_name(&check->segment, walk.name);
        fd = open_file(&walk);
        if (fd == -ENOENT && verify_is_written(work)) {
                check->gone = true;
                return 0;
        }
        work->result.n_files++;
        if (fd < 0) {
                check->not_readable = true;
                verify_say(work, FINDING_PROBLEM, FINDING_UNREADABLE, walk.name, NULL,
                           "The file cannot be read: %s.", strerror(-fd));
                return 0;
        }
        if (check->make_index && (r = index_memory_new(work->epoch, &check->index)) < 0)
                return r;
        r = line_reader_init(&walk.reader, fd, 0, RECORD_SIZE_MAX);
        if (r < 0)
                return r;

        walk.lines =
                (LineCheck){ .first_seq = check->segment.first_seq, .next_seq = check->next_seq };
        r = walk_lines(&walk);
        if (r >= 0)
                r = finish(&walk);
        line_reader_done(&walk.reader);
        line_check_done(&walk.lines);
        if (r == -EIO) {
                check->not_readable = true;
                verify_say(work, FINDING_PROBLEM, FINDING_UNREADABLE, walk.name, &walk.place,
                           "The file cannot be read on: %s.", strerror(-r));
                return 0;
        }
        return r;
}

void segment_check_done(SegmentCheck *check)
{
        check->index = index_memory_free(check->index);
        record_header_done(&check->header);
}
