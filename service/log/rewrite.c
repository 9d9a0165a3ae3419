/* SPDX-License-Identifier: Apache-2.0 */
#include "log/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/line-reader.h"
#include "model/timestamp.h"

/* Of one slice: bytes that are looked at, and lines that something is made of, which takes ten
 * times as long. */
#define SLICE_BYTES     (256 * 1024)
#define SLICE_CONVERTED 100
#define COPY_PIECE      (16 * 1024)

typedef enum Phase {
        COUNTING,  /* what the header has to say */
        COPYING,   /* from the base */
        REWRITING, /* from the segment */
        SYNCING,
        DONE,
} Phase;

struct Rewrite {
        const RewriteRules *rules; /* weak */
        RewriteOptions options;
        Phase phase;
        bool merged;

        int source_fd; /* owned */
        int base_fd;   /* owned */
        uint64_t base_size;
        int fd; /* owned: the new file; -1: none yet */
        LineReader lines;

        RecordHeader header; /* owned: of the new file */
        uint64_t n_kept, n_dropped, kept_size;

        char *buffer; /* owned: what is not written yet */
        size_t buffered, buffer_size;
        uint64_t size;   /* of what is written */
        uint64_t synced; /* what was handed to the disk */
};

Rewrite *rewrite_free(Rewrite *rewrite)
{
        if (!rewrite)
                return NULL;

        if (rewrite->fd >= 0) {
                close(rewrite->fd);
                unlinkat(rewrite->options.directory_fd, SEGMENT_REWRITE_NAME, 0);
        }
        if (rewrite->source_fd >= 0)
                close(rewrite->source_fd);
        if (rewrite->base_fd >= 0)
                close(rewrite->base_fd);
        line_reader_done(&rewrite->lines);
        record_header_done(&rewrite->header);
        free(rewrite->buffer);
        free(rewrite);
        return NULL;
}

static int open_segment(const Rewrite *rewrite, const Segment *segment, int *ret_fd)
{
        char name[SEGMENT_NAME_SIZE];
        int fd;

        segment_name(segment, name);
        fd = segment_open(rewrite->options.directory_fd, name, false);
        if (fd < 0)
                return fd;

        *ret_fd = fd;
        return 0;
}

/* The header of the segment, which the new file begins with; the base's is looked at later. */
static int read_header(Rewrite *rewrite)
{
        int r;

        r = segment_read_header(rewrite->source_fd, &rewrite->header);
        if (r == -ENOMEM || (r < 0 && rewrite->rules->needs_header))
                return r;
        if (!rewrite->rules->exits)
                return 0;

        record_header_done(&rewrite->header);
        rewrite->header = (RecordHeader){
                .format = RECORD_FORMAT,
                .epoch = rewrite->options.epoch,
                .first_seq = rewrite->options.source.first_seq,
                .positions = json_object_new_object(),
                .exits = true,
        };
        return rewrite->header.positions ? 0 : -ENOMEM;
}

int rewrite_new(const RewriteRules *rules, const RewriteOptions *options, Rewrite **ret)
{
        _cleanup_(rewrite_freep) Rewrite *rewrite = NULL;
        int r;

        rewrite = calloc(1, sizeof(Rewrite));
        if (!rewrite)
                return -ENOMEM;
        rewrite->rules = rules;
        rewrite->options = *options;
        rewrite->source_fd = rewrite->base_fd = rewrite->fd = -1;
        rewrite->buffer_size = SLICE_BYTES;
        rewrite->buffer = malloc(rewrite->buffer_size);
        if (!rewrite->buffer)
                return -ENOMEM;
        r = line_reader_init(&rewrite->lines, -1, 0, RECORD_SIZE_MAX);
        if (r < 0)
                return r;
        r = open_segment(rewrite, &options->source, &rewrite->source_fd);
        if (r < 0)
                return r;
        r = read_header(rewrite);
        if (r < 0)
                return r;

        line_reader_seek(&rewrite->lines, rewrite->source_fd, 0);
        *ret = TAKE_PTR(rewrite);
        return 0;
}

/* ---- writing ---- */

static int flush(Rewrite *rewrite)
{
        for (size_t done = 0; done < rewrite->buffered;) {
                ssize_t n = pwrite(rewrite->fd, rewrite->buffer + done, rewrite->buffered - done,
                                   (off_t)(rewrite->size + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }
        rewrite->size += rewrite->buffered;
        rewrite->buffered = 0;
        return 0;
}

static int put(Rewrite *rewrite, const char *bytes, size_t length)
{
        while (length > 0) {
                size_t room = rewrite->buffer_size - rewrite->buffered;
                size_t n = length < room ? length : room;
                int r;

                memcpy(rewrite->buffer + rewrite->buffered, bytes, n);
                rewrite->buffered += n;
                bytes += n;
                length -= n;
                if (rewrite->buffered < rewrite->buffer_size)
                        break;
                r = flush(rewrite);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Bytes of the segment as they stand there: a line that is too long, or an end without "\n". */
static int put_range(Rewrite *rewrite, int fd, uint64_t from, uint64_t to)
{
        char piece[COPY_PIECE];

        while (from < to) {
                size_t length = to - from < sizeof(piece) ? (size_t)(to - from) : sizeof(piece);
                ssize_t n = pread(fd, piece, length, (off_t)from);
                int r;

                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = put(rewrite, piece, (size_t)n);
                if (r < 0)
                        return r;
                from += (uint64_t)n;
        }
        return 0;
}

/* The disk writes while the loop goes on, so that the sync at the end has little to wait for. */
static void hand_to_disk(Rewrite *rewrite)
{
        if (rewrite->size - rewrite->synced < SLICE_BYTES)
                return;
        (void)sync_file_range(rewrite->fd, (off_t)rewrite->synced,
                              (off_t)(rewrite->size - rewrite->synced), SYNC_FILE_RANGE_WRITE);
        rewrite->synced = rewrite->size;
}

/* ---- the phases ---- */

static bool is_header(uint64_t offset, const char *line, size_t length)
{
        RecordHeader header;

        if (offset > 0 || !line || record_parse_header(line, length, &header) < 0)
                return false;
        record_header_done(&header);
        return true;
}

/* The next line of the file that is being read, without its header. Returns a LineResult. */
static int next_line(Rewrite *rewrite, uint64_t size, uint64_t *ret_offset, const char **ret_line,
                     size_t *ret_length)
{
        const char *line = NULL;
        uint64_t offset;
        size_t length = 0;
        int r;

        do {
                offset = rewrite->lines.offset;
                r = line_reader_next(&rewrite->lines, size, &line, &length);
                if (r <= 0)
                        return r;
                if (r == LINE_TOO_LONG)
                        line = NULL;
        } while (is_header(offset, line, length));

        *ret_offset = offset;
        *ret_line = line;
        *ret_length = length;
        return r;
}

/* Opens the base, if both together are small, and takes over its header. */
static int open_base(Rewrite *rewrite)
{
        const RewriteOptions *options = &rewrite->options;
        RecordHeader header = {};
        struct stat st;
        int r;

        if (options->base.id == 0)
                return 0;
        /* All that is in it is made again: it comes of the same segment, which could not be removed
         * afterwards. */
        if (options->base.first_seq == options->source.first_seq) {
                rewrite->merged = true;
                return 0;
        }
        if (options->base.size > options->merge_max ||
            rewrite->kept_size > options->merge_max - options->base.size)
                return 0;
        r = open_segment(rewrite, &options->base, &rewrite->base_fd);
        if (r >= 0)
                r = fstat(rewrite->base_fd, &st) < 0
                            ? -errno
                            : segment_read_header(rewrite->base_fd, &header);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                if (rewrite->base_fd >= 0)
                        close(TAKE_FD(rewrite->base_fd));
                return 0; /* it stays as it is */
        }

        rewrite->base_size = (uint64_t)st.st_size;
        header.thinned = rewrite->header.thinned;
        header.n_thinned += rewrite->header.n_thinned;
        header.n_thinned_execs += rewrite->header.n_thinned_execs;
        header.exits = rewrite->header.exits;
        header.n_execs += rewrite->header.n_execs;
        header.n_containers += rewrite->header.n_containers;
        record_header_done(&rewrite->header);
        rewrite->header = header;
        rewrite->merged = true;
        return 0;
}

static int create(Rewrite *rewrite)
{
        _cleanup_free_ char *line = NULL;
        size_t length;
        int fd, r;

        r = record_format_header(&rewrite->header, &line, &length);
        if (r < 0)
                return r;
        if (unlinkat(rewrite->options.directory_fd, SEGMENT_REWRITE_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(rewrite->options.directory_fd, SEGMENT_REWRITE_NAME,
                    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;

        rewrite->fd = fd;
        return put(rewrite, line, length);
}

/* What would be the same again stays, unless it is for another place. Where no line is left, the
 * header says why the numbers are missing. */
bool rewrite_makes_file(const Rewrite *rewrite)
{
        if (rewrite->rules->exits)
                return rewrite->n_kept > 0;
        return rewrite->n_dropped > 0 && (rewrite->n_kept > 0 || !rewrite->options.first);
}

static int start_writing(Rewrite *rewrite)
{
        int r;

        if (!rewrite_makes_file(rewrite)) {
                rewrite->phase = DONE;
                return 0;
        }
        if (!rewrite->rules->exits)
                rewrite->header.thinned = true;
        r = open_base(rewrite);
        if (r < 0)
                return r;
        r = create(rewrite);
        if (r < 0)
                return r;

        rewrite->phase = rewrite->base_fd >= 0 ? COPYING : REWRITING;
        line_reader_seek(&rewrite->lines,
                         rewrite->base_fd >= 0 ? rewrite->base_fd : rewrite->source_fd, 0);
        return 0;
}

static int count(Rewrite *rewrite)
{
        const uint64_t size = rewrite->options.source.size;

        for (uint64_t start = rewrite->lines.offset; rewrite->lines.offset - start < SLICE_BYTES;) {
                RewriteVerdict verdict;
                const char *line;
                uint64_t offset;
                size_t length;
                int r;

                r = next_line(rewrite, size, &offset, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE)
                        return start_writing(rewrite);
                verdict = rewrite->rules->judge(line, length, &rewrite->header);
                rewrite->n_dropped += verdict == REWRITE_DROP;
                rewrite->n_kept += verdict != REWRITE_DROP;
                if (verdict != REWRITE_DROP)
                        rewrite->kept_size += verdict == REWRITE_KEEP
                                                      ? rewrite->lines.offset - offset
                                                      : rewrite->rules->converted_size;
        }
        return 0;
}

/* The base's lines, but for those that stand in the segment, too. */
static int copy(Rewrite *rewrite)
{
        const RewriteOptions *options = &rewrite->options;

        for (uint64_t start = rewrite->lines.offset; rewrite->lines.offset - start < SLICE_BYTES;) {
                const char *line;
                uint64_t offset;
                size_t length;
                int r;

                r = next_line(rewrite, rewrite->base_size, &offset, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE) {
                        rewrite->phase = REWRITING;
                        line_reader_seek(&rewrite->lines, rewrite->source_fd, 0);
                        return 0;
                }
                if (line && record_seq(line, length) >= options->source.first_seq &&
                    record_is_intact(line, length))
                        continue;
                r = line ? put(rewrite, line, length + 1)
                         : put_range(rewrite, rewrite->base_fd, offset, rewrite->lines.offset);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Returns 1 if something was made of it. */
static int take_line(Rewrite *rewrite, uint64_t offset, const char *line, size_t length)
{
        _cleanup_free_ char *converted = NULL;
        RecordHeader ignored = {};
        size_t converted_length;
        int r;

        switch (rewrite->rules->judge(line, length, &ignored)) {
        case REWRITE_KEEP:
                return line ? put(rewrite, line, length + 1)
                            : put_range(rewrite, rewrite->source_fd, offset, rewrite->lines.offset);
        case REWRITE_CONVERT:
                r = rewrite->rules->convert(line, length, &converted, &converted_length);
                if (r <= 0)
                        return r;
                r = put(rewrite, converted, converted_length);
                return r < 0 ? r : 1;
        case REWRITE_DROP:
                break;
        }
        return 0;
}

static int take_lines(Rewrite *rewrite)
{
        const Segment *source = &rewrite->options.source;
        unsigned n_converted = 0;

        for (uint64_t start = rewrite->lines.offset;
             rewrite->lines.offset - start < SLICE_BYTES && n_converted < SLICE_CONVERTED;) {
                const char *line;
                uint64_t offset;
                size_t length;
                int r;

                r = next_line(rewrite, source->size, &offset, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE) {
                        rewrite->phase = SYNCING;
                        if (rewrite->rules->exits)
                                return 0;
                        return put_range(rewrite, rewrite->source_fd, rewrite->lines.offset,
                                         source->size);
                }
                r = take_line(rewrite, offset, line, length);
                if (r < 0)
                        return r;
                n_converted += (unsigned)r;
        }
        return 0;
}

/* The file is as old as the segment's newest event, which is what retention goes by. */
static int sync_file(Rewrite *rewrite)
{
        const uint64_t nsec = rewrite->options.source.written_nsec;
        const struct timespec written = { .tv_sec = (time_t)(nsec / NSEC_PER_SEC),
                                          .tv_nsec = (long)(nsec % NSEC_PER_SEC) };
        const struct timespec times[2] = { written, written };

        if (futimens(rewrite->fd, times) < 0 || fsync(rewrite->fd) < 0)
                return -errno;
        rewrite->phase = DONE;
        return 0;
}

int rewrite_run(Rewrite *rewrite)
{
        int r = 0;

        switch (rewrite->phase) {
        case COUNTING:
                r = count(rewrite);
                break;
        case COPYING:
                r = copy(rewrite);
                break;
        case REWRITING:
                r = take_lines(rewrite);
                break;
        case SYNCING:
                r = sync_file(rewrite);
                break;
        case DONE:
                break;
        }
        if (r >= 0 && rewrite->fd >= 0 && rewrite->phase != DONE) {
                r = flush(rewrite);
                hand_to_disk(rewrite);
        }
        return r < 0 ? r : rewrite->phase == DONE;
}

uint64_t rewrite_n_kept(const Rewrite *rewrite)
{
        return rewrite->n_kept;
}

bool rewrite_is_merged(const Rewrite *rewrite)
{
        return rewrite->merged;
}

/* ---- installing ---- */

/* Whether the file of that name is the one that was read. */
static int check_unchanged(const Rewrite *rewrite, const Segment *segment, int fd)
{
        char name[SEGMENT_NAME_SIZE];
        struct stat ours, named;

        segment_name(segment, name);
        if (fstat(fd, &ours) < 0 ||
            fstatat(rewrite->options.directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? -ESTALE : -errno;
        return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev ? 0 : -ESTALE;
}

/* The file that the new one replaces is the one that was read; a new name is free. */
static int check_place(const Rewrite *rewrite, const char *name,
                       int (*foreign)(const char *name, void *userdata), void *userdata)
{
        const RewriteOptions *options = &rewrite->options;
        int r;

        if (rewrite->base_fd >= 0) {
                r = check_unchanged(rewrite, &options->base, rewrite->base_fd);
                if (r < 0)
                        return r;
        }
        if (!rewrite->rules->exits)
                return check_unchanged(rewrite, &options->source, rewrite->source_fd);
        return rewrite->merged ? 0 : foreign(name, userdata);
}

int rewrite_install(Rewrite *rewrite, int (*foreign)(const char *name, void *userdata),
                    void *userdata, Segment *ret)
{
        const RewriteOptions *options = &rewrite->options;
        Segment segment = {
                .first_seq = rewrite->header.first_seq,
                .size = rewrite->size,
                .written_nsec = options->source.written_nsec,
                .thinned = true,
                .exits = rewrite->rules->exits,
                .n_execs = rewrite->header.n_execs,
        };
        char name[SEGMENT_NAME_SIZE];
        int r;

        segment_name(&segment, name);
        r = check_place(rewrite, name, foreign, userdata);
        if (r < 0)
                return r;
        if (renameat(options->directory_fd, SEGMENT_REWRITE_NAME, options->directory_fd, name) < 0)
                return -errno;
        close(TAKE_FD(rewrite->fd));

        *ret = segment;
        return 0;
}
