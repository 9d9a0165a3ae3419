/* SPDX-License-Identifier: Apache-2.0 */
#include "log/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "log/folder.h"
#include "log/key-filter.h"
#include "log/mend.h"
#include "log/verify-exits.h"
#include "log/verify-index.h"
#include "log/verify-segment.h"

/* What nobody but the service may do with the history; its group may read. */
#define CLOSED_MODE 0027

/* ---- what the parts share ---- */

void verify_say(VerifyWork *work, FindingLevel level, FindingKind kind, const char *file,
                const VerifyPlace *place, const char *format, ...)
{
        Finding finding = { .level = level, .kind = kind, .file = file };
        va_list args;

        if (place) {
                finding.offset = place->offset;
                finding.line = place->line;
                finding.seq = place->seq;
        }
        va_start(args, format);
        vsnprintf(finding.text, sizeof(finding.text), format, args);
        va_end(args);

        work->result.n_problems += level == FINDING_PROBLEM;
        work->result.n_notes += level == FINDING_NOTE;
        work->result.n_repairs += level == FINDING_REPAIR;
        if (work->options->report)
                work->options->report(&finding, work->options->userdata);
}

bool verify_is_written(const VerifyWork *work)
{
        _cleanup_close_ int fd = -1;

        if (work->options->repair)
                return false;
        fd = openat(work->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void verify_progress(VerifyWork *work, uint64_t bytes)
{
        const uint64_t before = work->result.n_bytes;

        work->result.n_bytes += bytes;
        /* Every megabyte. */
        if (work->options->progress && before >> 20 != work->result.n_bytes >> 20)
                work->options->progress(work->result.n_bytes, work->bytes_all,
                                        work->options->userdata);
}

int verify_range_add(VerifyRanges *ranges, const VerifyRange *range)
{
        if (ranges->n >= VERIFY_RANGES_MAX) {
                ranges->more = true;
                return 0;
        }
        if (!ranges->ranges) {
                ranges->ranges = calloc(VERIFY_RANGES_MAX, sizeof(VerifyRange));
                if (!ranges->ranges)
                        return -ENOMEM;
        }
        ranges->ranges[ranges->n++] = *range;
        return 0;
}

/* ---- the folder ---- */

static int check_access(VerifyWork *work, const char *name, bool directory)
{
        struct stat folder, st;
        const char *sentence;

        if (fstat(work->directory_fd, &folder) < 0 ||
            fstatat(work->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0; /* gone, or told where it is read */
        if (!directory && !S_ISREG(st.st_mode))
                return 0;
        if (st.st_mode & CLOSED_MODE)
                sentence = "Others may read or write it.";
        else if (st.st_uid != folder.st_uid)
                sentence = "It does not belong to whom the folder belongs to.";
        else
                return 0;

        verify_say(work, FINDING_PROBLEM, FINDING_ACCESS, name, NULL, "%s", sentence);
        return work->options->repair ? mend_access(work, name, directory) : 0;
}

static int add_segment(Segment **segments, size_t *n, const Segment *segment)
{
        Segment *larger = reallocarray(*segments, *n + 1, sizeof(Segment));

        if (!larger)
                return -ENOMEM;
        *segments = larger;
        larger[(*n)++] = *segment;
        return 0;
}

static bool is_leftover(const char *name)
{
        return strcmp(name, SEGMENT_NEW_NAME) == 0 || strcmp(name, SEGMENT_REWRITE_NAME) == 0 ||
               strcmp(name, INDEX_FILE_NEW_NAME) == 0 || strcmp(name, KEY_FILTER_NEW_NAME) == 0 ||
               strcmp(name, EXIT_TABLE_NEW_NAME) == 0;
}

static void note_quarantine(VerifyWork *work, const char *name)
{
        struct stat st = {};

        work->quarantined = true;
        (void)fstatat(work->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW);
        verify_say(work, FINDING_NOTE, FINDING_QUARANTINE, name, NULL,
                   "The file was set aside: %" PRIu64 " bytes.", (uint64_t)st.st_size);
}

/* An index of no segment. */
static int check_orphan(VerifyWork *work, const char *name, uint64_t first_seq)
{
        const Segment segment = { .first_seq = first_seq };
        char log[SEGMENT_NAME_SIZE];

        segment_name(&segment, log);
        if (faccessat(work->directory_fd, log, F_OK, AT_SYMLINK_NOFOLLOW) >= 0 ||
            verify_is_written(work))
                return 0;
        verify_say(work, FINDING_NOTE, FINDING_LEFTOVER, name, NULL,
                   "The index is of a file that is not there.");
        return work->options->repair ? mend_set_aside(work, name, "nobody needs it") : 0;
}

static int note_name(VerifyWork *work, const char *name)
{
        Segment segment = {};
        int r;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;
        if (strstr(name, SEGMENT_QUARANTINE_MARK)) {
                note_quarantine(work, name);
        } else if (segment_name_parse(name, &segment.first_seq)) {
                r = add_segment(&work->segments, &work->n_segments, &segment);
                if (r < 0)
                        return r;
        } else if (segment_exits_name_parse(name, &segment.first_seq)) {
                segment.exits = true;
                r = add_segment(&work->exits, &work->n_exits, &segment);
                if (r < 0)
                        return r;
        } else if (key_filter_name_parse(name, &segment.first_seq)) {
                r = add_segment(&work->filters, &work->n_filters, &segment);
                if (r < 0)
                        return r;
        } else if (is_leftover(name)) {
                if (!verify_is_written(work))
                        verify_say(work, FINDING_NOTE, FINDING_LEFTOVER, name, NULL,
                                   "The file was not completed; the service removes it.");
        } else if (segment_index_name_parse(name, &segment.first_seq)) {
                r = check_orphan(work, name, segment.first_seq);
                if (r < 0)
                        return r;
        } else if (strcmp(name, SEGMENT_ACTIVE_NAME) != 0 && strcmp(name, EXIT_TABLE_NAME) != 0 &&
                   strcmp(name, RESERVATION_NAME) != 0) {
                verify_say(work, FINDING_NOTE, FINDING_FOREIGN, name, NULL,
                           "The file is not ours, and is left alone.");
                return 0;
        }
        return check_access(work, name, false);
}

static int list_folder(VerifyWork *work)
{
        _cleanup_closedir_ DIR *directory = NULL;
        struct dirent *entry;
        int fd, r;

        fd = openat(work->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                close(fd);
                return r;
        }
        for (errno = 0; (entry = readdir(directory)); errno = 0) {
                r = note_name(work, entry->d_name);
                if (r < 0)
                        return r;
        }
        return -errno;
}

/* ---- what belongs together ---- */

/* The active segment, as it is before anything else is looked at: what comes later is not checked.
 */
static int open_active(VerifyWork *work)
{
        struct stat st;

        work->active_fd = segment_open(work->directory_fd, SEGMENT_ACTIVE_NAME, false);
        if (work->active_fd == -ENOENT)
                return 0;
        if (work->active_fd < 0) {
                verify_say(work, FINDING_PROBLEM, FINDING_UNREADABLE, SEGMENT_ACTIVE_NAME, NULL,
                           "The file cannot be read: %s.", strerror(-work->active_fd));
                return 0;
        }
        if (fstat(work->active_fd, &st) < 0)
                return -errno;
        work->active_size = (uint64_t)st.st_size;
        return 0;
}

/* With which number it starts: its header says so, or its first event. */
static int add_active(VerifyWork *work)
{
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        _cleanup_json_ struct json_object *positions = NULL;
        Segment active = { .active = true, .id = 1 };
        RecordHeader header = {};
        int r;

        if (work->active_fd < 0)
                return 0;
        r = segment_read_header(work->active_fd, &header);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                active.first_seq = header.first_seq;
                work->epoch = header.epoch;
                record_header_done(&header);
        } else {
                r = segment_scan(work->active_fd, &scan, &positions, NULL);
                if (r < 0)
                        return r;
                active.first_seq = scan.first_seq;
        }
        /* It was sealed while the folder was listed. */
        while (work->n_segments > 0 && active.first_seq > 0 && verify_is_written(work) &&
               work->segments[work->n_segments - 1].first_seq >= active.first_seq)
                work->n_segments--;
        return add_segment(&work->segments, &work->n_segments, &active);
}

/* Whether the service reads it, as recovery has it: else its name says nothing about the others. */
static int find_out_whether_read(VerifyWork *work, Segment *segment)
{
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        _cleanup_json_ struct json_object *positions = NULL;
        RecordHeader header = {};
        _cleanup_close_ int fd = -1;
        char name[SEGMENT_NAME_SIZE];
        struct stat st;
        int r;

        segment_name(segment, name);
        fd = segment_open(work->directory_fd, name, false);
        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        work->bytes_all += (uint64_t)st.st_size;
        r = segment_read_header(fd, &header);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                if (sd_id128_is_null(work->epoch))
                        work->epoch = header.epoch;
                segment->id = header.first_seq == segment->first_seq &&
                              sd_id128_equal(header.epoch, work->epoch);
                record_header_done(&header);
                return 0;
        }
        r = segment_scan(fd, &scan, &positions, NULL);
        if (r == -ENOMEM)
                return r;
        segment->id = r >= 0 && scan.first_seq >= segment->first_seq;
        return 0;
}

static int find_out_all(VerifyWork *work)
{
        int r;

        if (work->n_segments > 0)
                qsort(work->segments, work->n_segments, sizeof(Segment), segment_compare);
        if (work->n_exits > 0)
                qsort(work->exits, work->n_exits, sizeof(Segment), segment_compare);
        r = add_active(work);
        if (r < 0)
                return r;
        work->bytes_all = work->active_size;
        for (size_t i = work->n_segments; i-- > 0;) {
                if (work->segments[i].active)
                        continue;
                r = find_out_whether_read(work, work->segments + i);
                if (r < 0)
                        return r;
        }
        for (size_t i = work->n_exits; i-- > 0;) {
                r = find_out_whether_read(work, work->exits + i);
                if (r < 0)
                        return r;
        }
        return 0;
}

static uint64_t next_seq(const Segment *segments, size_t n, size_t i)
{
        const uint64_t first_seq = segments[i].first_seq;

        while (++i < n)
                if (segments[i].id > 0 && segments[i].first_seq > first_seq)
                        return segments[i].first_seq;
        return UINT64_MAX;
}

/* ---- segments ---- */

static int check_one(VerifyWork *work, const Segment *segments, size_t n, size_t i,
                     uint64_t *newest_seq)
{
        _cleanup_(segment_check_done) SegmentCheck check = {
                .segment = segments[i],
                .next_seq = next_seq(segments, n, i),
        };
        _cleanup_(index_file_freep) IndexFile *file = NULL;
        int r;

        if (!check.segment.active && !check.segment.exits) {
                r = verify_index_open(work, &check.segment, &file);
                if (r < 0)
                        return r;
        }
        check.make_index = file;
        r = verify_segment(work, &check);
        if (r < 0 || check.gone)
                return r;
        if (check.bad && segments[i].id == 0)
                check.foreign = true;
        if (file && (r = verify_index_content(work, file, &check)) < 0)
                return r;
        if (check.last_seq > *newest_seq)
                *newest_seq = check.last_seq;
        if (check.segment.active && check.segment.first_seq > *newest_seq + 1)
                *newest_seq = check.segment.first_seq - 1;
        return check.bad && !check.not_readable && work->options->repair
                       ? mend_segment(work, &check)
                       : 0;
}

static int check_segments(VerifyWork *work, uint64_t *newest_seq)
{
        uint64_t ignored = 0;
        int r;

        for (size_t i = 0; i < work->n_exits; i++) {
                r = check_one(work, work->exits, work->n_exits, i, &ignored);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < work->n_segments; i++) {
                r = check_one(work, work->segments, work->n_segments, i, newest_seq);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- numbers ---- */

static int check_reservation(VerifyWork *work)
{
        int r;

        r = reservation_check(work->directory_fd);
        /* The service writes it in place. */
        if (r == -EBADMSG && verify_is_written(work))
                r = reservation_check(work->directory_fd);
        if (r != -ENOENT)
                work->result.n_files++;
        if (reservation_load(work->directory_fd, work->epoch, &work->reservation) < 0)
                work->reservation = (Reservation){};
        if (r == 0 || r == -ENOENT)
                return 0;
        verify_say(work, FINDING_PROBLEM, r == -EBADMSG ? FINDING_RESERVATION : FINDING_UNREADABLE,
                   RESERVATION_NAME, NULL,
                   r == -EBADMSG ? "The file is damaged." : "The file cannot be read.");
        return r == -EBADMSG && work->options->repair ? mend_reservation(work) : 0;
}

static bool covers(uint64_t first_seq, uint64_t last_seq, const VerifyRange *hole)
{
        return first_seq > 0 && first_seq <= hole->first_seq && hole->last_seq <= last_seq;
}

/* NULL if nothing does. */
static const char *explanation(const VerifyWork *work, const VerifyRange *hole)
{
        if (hole->damaged)
                return "the lines there are damaged";
        for (size_t i = 0; i < work->lost.n; i++)
                if (covers(work->lost.ranges[i].first_seq, work->lost.ranges[i].last_seq, hole))
                        return "an event \"lost\" says so";
        if (covers(work->reservation.first_seq, work->reservation.last_seq, hole))
                return "they were reserved while the history could not be written";
        if (work->quarantined)
                return "what was set aside may have had them";
        return NULL;
}

static void say_hole(VerifyWork *work, const VerifyRange *hole)
{
        const Segment segment = { .first_seq = hole->first_file, .active = hole->first_file == 0 };
        const VerifyPlace place = { hole->offset, hole->line, hole->first_seq };
        const uint64_t n = hole->last_seq - hole->first_seq + 1;
        const char *why = explanation(work, hole);
        char name[SEGMENT_NAME_SIZE];

        segment_name(&segment, name);
        if (!why)
                work->result.n_unexplained += n;
        verify_say(work, FINDING_NOTE, FINDING_HOLE, name, &place,
                   "The numbers %" PRIu64 " to %" PRIu64 " are missing: %s.", hole->first_seq,
                   hole->last_seq, why ? why : "nothing says why");
}

static void say_holes(VerifyWork *work)
{
        for (size_t i = 0; i < work->holes.n; i++)
                say_hole(work, work->holes.ranges + i);
        if (work->holes.more)
                verify_say(work, FINDING_NOTE, FINDING_HOLE, ".", NULL,
                           "More numbers are missing than are listed here.");
}

/* ---- all of it ---- */

__attribute__((format(printf, 3, 4))) static int fail(char *failure, int error, const char *format,
                                                      ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(failure, VERIFY_FAILURE_SIZE, format, args);
        va_end(args);
        return error;
}

static int open_folder(VerifyWork *work, char *failure)
{
        const char *directory = work->options->directory;
        int r;

        if (!work->options->repair) {
                work->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = work->directory_fd < 0 ? -errno : 0;
        } else {
                r = folder_lock(directory, &work->directory_fd);
        }
        if (r == -EBUSY)
                return fail(failure, r,
                            "The service writes the history in \"%s\": stop it before a repair.",
                            directory);
        if (r < 0)
                return fail(failure, r, "The folder \"%s\" cannot be opened: %s.", directory,
                            strerror(-r));
        return 0;
}

static int check_all(VerifyWork *work)
{
        uint64_t newest_seq = 0;
        int r;

        if ((r = open_active(work)) < 0 || (r = check_access(work, ".", true)) < 0 ||
            (r = list_folder(work)) < 0 || (r = find_out_all(work)) < 0 ||
            (r = check_reservation(work)) < 0 || (r = verify_exits_begin(work)) < 0 ||
            (r = verify_filters_begin(work)) < 0 || (r = check_segments(work, &newest_seq)) < 0)
                return r;
        say_holes(work);
        return verify_exits_end(work, newest_seq);
}

int verify_run(const VerifyOptions *options, VerifyResult *ret,
               char failure[static VERIFY_FAILURE_SIZE])
{
        VerifyWork work = { .options = options, .directory_fd = -1, .active_fd = -1 };
        int r;

        failure[0] = '\0';
        r = open_folder(&work, failure);
        if (r >= 0) {
                r = check_all(&work);
                if (r < 0)
                        fail(failure, r, "The history in \"%s\" cannot be %s: %s.",
                             options->directory, options->repair ? "repaired" : "checked",
                             strerror(-r));
        }
        if (r >= 0)
                *ret = work.result;

        exit_check_free(work.endings);
        free(work.segments);
        free(work.exits);
        free(work.filters);
        free(work.holes.ranges);
        free(work.lost.ranges);
        if (work.active_fd >= 0)
                close(work.active_fd);
        if (work.directory_fd >= 0)
                close(work.directory_fd);
        return r < 0 ? r : 0;
}
