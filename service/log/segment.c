/* SPDX-License-Identifier: Apache-2.0 */
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/line-reader.h"
#include "base/number.h"
#include "log/index-memory.h"
#include "model/timestamp.h"

#define NAME_PREFIX       "events-"
#define EXITS_NAME_PREFIX "exits-"
#define NAME_SUFFIX       ".log"

/* A header has the positions of all sources; a line that we wrote is not longer than a record. */
#define LINE_MAX_SIZE RECORD_SIZE_MAX

void segment_name(const Segment *segment, char name[static SEGMENT_NAME_SIZE])
{
        if (segment->active)
                snprintf(name, SEGMENT_NAME_SIZE, SEGMENT_ACTIVE_NAME);
        else
                snprintf(name, SEGMENT_NAME_SIZE, "%s%020" PRIu64 NAME_SUFFIX,
                         segment->exits ? EXITS_NAME_PREFIX : NAME_PREFIX, segment->first_seq);
}

void segment_index_name(const Segment *segment, char name[static SEGMENT_NAME_SIZE])
{
        snprintf(name, SEGMENT_NAME_SIZE, "%s%020" PRIu64 SEGMENT_INDEX_SUFFIX,
                 segment->exits ? EXITS_NAME_PREFIX : NAME_PREFIX, segment->first_seq);
}

/* The number between the two, if it is written as we write it. */
static bool parse_name(const char *name, const char *prefix, const char *suffix,
                       uint64_t *ret_first_seq)
{
        char digits[21], expected[SEGMENT_NAME_SIZE];
        uint64_t first_seq;

        if (strlen(name) != strlen(prefix) + 20 + strlen(suffix))
                return false;
        memcpy(digits, name + strlen(prefix), 20);
        digits[20] = '\0';
        if (parse_u64(digits, &first_seq) < 0 || first_seq == 0)
                return false;
        snprintf(expected, sizeof(expected), "%s%020" PRIu64 "%s", prefix, first_seq, suffix);
        if (strcmp(name, expected) != 0)
                return false;

        *ret_first_seq = first_seq;
        return true;
}

bool segment_name_parse(const char *name, uint64_t *ret_first_seq)
{
        return parse_name(name, NAME_PREFIX, NAME_SUFFIX, ret_first_seq);
}

bool segment_index_name_parse(const char *name, uint64_t *ret_first_seq)
{
        return parse_name(name, NAME_PREFIX, SEGMENT_INDEX_SUFFIX, ret_first_seq) ||
               parse_name(name, EXITS_NAME_PREFIX, SEGMENT_INDEX_SUFFIX, ret_first_seq);
}

bool segment_exits_name_parse(const char *name, uint64_t *ret_first_seq)
{
        return parse_name(name, EXITS_NAME_PREFIX, NAME_SUFFIX, ret_first_seq);
}

int segment_compare(const void *a, const void *b)
{
        const Segment *x = a, *y = b;

        return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

uint64_t segment_written(const struct stat *st)
{
        const struct timespec *time = &st->st_mtim;

        return time->tv_sec < 0 || (uint64_t)time->tv_sec >= UINT64_MAX / NSEC_PER_SEC
                       ? 0
                       : (uint64_t)time->tv_sec * NSEC_PER_SEC + (uint64_t)time->tv_nsec;
}

int segment_open(int directory_fd, const char *name, bool append)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* O_NONBLOCK: a FIFO of that name must not stop us. */
        fd = openat(directory_fd, name,
                    (append ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EISDIR;

        return TAKE_FD(fd);
}

int segment_create(int directory_fd, const RecordHeader *header, uint64_t *ret_size)
{
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *line = NULL;
        size_t length;
        ssize_t n;
        int r;

        r = record_format_header(header, &line, &length);
        if (r < 0)
                return r;

        /* What a crash left under this name holds nothing. */
        if (unlinkat(directory_fd, SEGMENT_NEW_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(directory_fd, SEGMENT_NEW_NAME,
                    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;

        n = pwrite(fd, line, length, 0);
        if (n < 0)
                return -errno;
        if ((size_t)n != length)
                return -ENOSPC;
        if (fsync(fd) < 0)
                return -errno;

        *ret_size = length;
        return TAKE_FD(fd);
}

int positions_set(struct json_object *positions, const char *position)
{
        const char *space = strchr(position, ' ');
        char source[POSITION_SIZE];

        if (!space || (size_t)(space - position) >= sizeof(source))
                return -EINVAL;
        memcpy(source, position, (size_t)(space - position));
        source[space - position] = '\0';

        return json_add(positions, source, json_object_new_string(space + 1));
}

/* ---- scan ---- */

static int scan_header(const char *line, size_t length, SegmentScan *scan,
                       struct json_object *positions)
{
        struct json_object_iter member;
        int r;

        r = record_parse_header(line, length, &scan->header);
        if (r < 0)
                return r;
        scan->has_header = true;

        json_object_object_foreachC(scan->header.positions, member)
        {
                if (json_add(positions, member.key, json_object_get(member.val)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int scan_record(const char *line, size_t length, SegmentScan *scan,
                       struct json_object *positions)
{
        char position[POSITION_SIZE];
        uint64_t seq;

        if (!record_is_intact(line, length))
                return -EBADMSG;
        seq = record_seq(line, length);
        /* An intact record whose number does not grow is not one that we wrote there. */
        if (seq == 0 || seq <= scan->last_seq)
                return -EBADMSG;

        if (record_position(line, length, position)) {
                int r = positions_set(positions, position);

                if (r == -ENOMEM)
                        return r;
        }
        if (scan->first_seq == 0)
                scan->first_seq = seq;
        scan->last_seq = seq;
        return 0;
}

/* A run of lines that are not intact: damage if an intact line follows, else the tail. */
typedef struct BadRun {
        uint64_t n_lines;
        uint64_t offset;   /* of the first */
        uint64_t seq;      /* the greatest number in it; 0: none */
        uint64_t n_hidden; /* records that lines too long to look at may hold */
} BadRun;

/* "line" is NULL for one that was too long. */
static void bad_run_add(BadRun *run, uint64_t offset, uint64_t size, const char *line,
                        size_t length, uint64_t last_seq)
{
        /* Each record takes its bytes: a greater number than this is none of ours. */
        uint64_t limit, seq;

        if (run->n_lines++ == 0)
                run->offset = offset;
        if (!line) {
                run->n_hidden += size / RECORD_SIZE_MIN;
                return;
        }
        limit = last_seq + run->n_hidden + (offset - run->offset + size) / RECORD_SIZE_MIN + 1;
        seq = record_greatest_seq(line, length, limit);
        if (seq > run->seq)
                run->seq = seq;
}

static int scan_line(int result, const char *line, size_t length, bool first, SegmentScan *scan,
                     struct json_object *positions)
{
        if (result == LINE_TOO_LONG)
                return -EBADMSG;
        return first ? scan_header(line, length, scan, positions)
                     : scan_record(line, length, scan, positions);
}

static void end_scan(const LineReader *reader, BadRun *run, SegmentScan *scan)
{
        const char *rest = reader->buffer + reader->start;
        size_t length = reader->end - reader->start;
        uint64_t seq;

        scan->n_tail_lines = run->n_lines;
        /* A record whose "\n" alone is damaged; what is torn before that was never committed. */
        if (record_has_checksum(rest, length))
                bad_run_add(run, reader->offset, length, rest, length, scan->last_seq);
        if (run->n_lines == 0)
                return;

        seq = scan->last_seq + scan->n_tail_lines + run->n_hidden;
        scan->tail_seq = seq > run->seq ? seq : run->seq;
}

/* Adds the line that ends where the reader is; "n_damaged" lines lie before it. */
static void index_line(struct IndexMemory **index, uint64_t offset, const char *line, size_t length,
                       uint64_t n_damaged)
{
        if (!index || !*index)
                return;
        for (uint64_t i = 0; i < n_damaged; i++)
                index_memory_skip(*index, offset, true);
        if (index_memory_add_line(*index, offset, line, length) < 0)
                *index = index_memory_free(*index);
}

static int scan_lines(LineReader *reader, SegmentScan *scan, struct json_object *positions,
                      struct IndexMemory **index)
{
        BadRun run = {};

        for (bool first = true;; first = false) {
                uint64_t offset = reader->offset;
                const char *line = NULL;
                size_t length = 0;
                int r;

                r = line_reader_next(reader, UINT64_MAX, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE)
                        break;
                r = scan_line(r, line, length, first, scan, positions);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) {
                        bad_run_add(&run, offset, reader->offset - offset, line, length,
                                    scan->last_seq);
                        continue;
                }

                index_line(index, offset, line, length, run.n_lines);
                if (run.n_lines > 0 && scan->n_damaged == 0)
                        scan->damaged_offset = run.offset;
                scan->n_damaged += run.n_lines;
                run = (BadRun){};
                scan->good_size = reader->offset;
        }

        end_scan(reader, &run, scan);
        return 0;
}

int segment_scan(int fd, SegmentScan *ret, struct json_object **ret_positions,
                 struct IndexMemory **index)
{
        _cleanup_json_ struct json_object *positions = NULL;
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        LineReader reader;
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        positions = json_object_new_object();
        if (!positions)
                return -ENOMEM;
        r = line_reader_init(&reader, fd, 0, LINE_MAX_SIZE);
        if (r < 0)
                return r;
        r = scan_lines(&reader, &scan, positions, index);
        line_reader_done(&reader);
        if (r < 0)
                return r;

        scan.tail_size = (uint64_t)st.st_size - scan.good_size;
        *ret = scan;
        scan.header.positions = NULL;
        *ret_positions = TAKE_PTR(positions);
        return 0;
}

void segment_scan_done(SegmentScan *scan)
{
        record_header_done(&scan->header);
}

int segment_read_header(int fd, RecordHeader *ret)
{
        LineReader reader;
        const char *line;
        size_t length;
        int r;

        r = line_reader_init(&reader, fd, 0, LINE_MAX_SIZE);
        if (r < 0)
                return r;
        r = line_reader_next(&reader, UINT64_MAX, &line, &length);
        if (r == LINE_READ)
                r = record_parse_header(line, length, ret);
        else if (r >= 0)
                r = -EBADMSG;
        line_reader_done(&reader);
        return r;
}
