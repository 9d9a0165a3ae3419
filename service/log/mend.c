/* SPDX-License-Identifier: Apache-2.0 */
#include "log/mend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/line-reader.h"
#include "log/line-check.h"
#include "model/timestamp.h"

/* What is written at once. */
#define WRITE_SIZE (256 * 1024)

static void quarantine_name(const char *name, char other[static SEGMENT_NAME_SIZE * 2])
{
        snprintf(other, SEGMENT_NAME_SIZE * 2, "%s" SEGMENT_QUARANTINE_MARK "%" PRIu64, name,
                 timestamp_now());
}

int mend_set_aside(VerifyWork *work, const char *name, const char *what_then)
{
        char other[SEGMENT_NAME_SIZE * 2];

        quarantine_name(name, other);
        if (renameat2(work->directory_fd, name, work->directory_fd, other, RENAME_NOREPLACE) < 0 ||
            fsync(work->directory_fd) < 0)
                return -errno;

        work->quarantined = true;
        verify_say(work, FINDING_REPAIR, FINDING_QUARANTINE, name, NULL,
                   "The file is \"%s\" now; %s.", other, what_then);
        return 0;
}

/* ---- a segment ---- */

static int write_buffer(int fd, Buffer *buffer)
{
        int r = buffer_end(buffer, 0);

        if (r < 0)
                return r;
        for (size_t done = 0; done < buffer->size;) {
                ssize_t n = write(fd, buffer->data + done, buffer->size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }
        buffer->size = 0;
        return 0;
}

/* Where all sources were when the segment before ended. */
static int positions_before(const VerifyWork *work, const Segment *segment,
                            struct json_object **ret)
{
        const Segment *before = NULL;
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        _cleanup_close_ int fd = -1;
        char name[SEGMENT_NAME_SIZE];

        for (size_t i = 0; i < work->n_segments; i++)
                if (work->segments[i].id > 0 && !work->segments[i].active &&
                    work->segments[i].first_seq < segment->first_seq)
                        before = work->segments + i;
        if (before && !segment->exits) {
                segment_name(before, name);
                fd = segment_open(work->directory_fd, name, false);
                if (fd >= 0 && segment_scan(fd, &scan, ret, NULL) >= 0)
                        return 0;
        }
        *ret = json_object_new_object();
        return *ret ? 0 : -ENOMEM;
}

/* The header that the file had, or one like it. */
static int make_header(VerifyWork *work, const SegmentCheck *check, const struct stat *st,
                       char **ret, size_t *ret_length)
{
        _cleanup_json_ struct json_object *positions = NULL;
        RecordHeader header = {
                .format = RECORD_FORMAT,
                .first_seq = check->segment.first_seq,
                .time_nsec = segment_written(st),
                .exits = check->segment.exits,
        };
        int r;

        if (check->has_header)
                return record_format_header(&check->header, ret, ret_length);
        if (sd_id128_is_null(work->epoch)) {
                r = sd_id128_randomize(&work->epoch);
                if (r < 0)
                        return r;
        }
        r = positions_before(work, &check->segment, &positions);
        if (r < 0)
                return r;
        header.epoch = work->epoch;
        header.positions = positions;
        /* How many there are of what is not counted here matters to nobody but retention, which
         * then keeps them by their age. */
        return record_format_header(&header, ret, ret_length);
}

static int copy_good_lines(const SegmentCheck *check, int from, int to, Buffer *buffer)
{
        LineCheck lines = { .first_seq = check->segment.first_seq, .next_seq = check->next_seq };
        LineReader reader;
        int r;

        r = line_reader_init(&reader, from, 0, RECORD_SIZE_MAX);
        if (r < 0)
                return r;
        for (;;) {
                const EventFields *event;
                const char *line = NULL;
                size_t length = 0;

                r = line_reader_next(&reader, UINT64_MAX, &line, &length);
                if (r <= 0)
                        break;
                r = line_check(&lines, r == LINE_TOO_LONG ? NULL : line, length, &event);
                if (r < 0)
                        break;
                if (r != LINE_GOOD)
                        continue;
                buffer_put(buffer, line, length);
                buffer_put_literal(buffer, "\n");
                if (buffer->size >= WRITE_SIZE && (r = write_buffer(to, buffer)) < 0)
                        break;
        }
        line_reader_done(&reader);
        line_check_done(&lines);
        return r < 0 ? r : write_buffer(to, buffer);
}

/* Who reads it, and how old its events are for retention, stays as it was. */
static int take_over(int fd, const struct stat *st)
{
        const struct timespec times[2] = { st->st_mtim, st->st_mtim };

        if ((geteuid() == 0 && fchown(fd, st->st_uid, st->st_gid) < 0) ||
            fchmod(fd, st->st_mode & 0640) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

static int write_new(VerifyWork *work, const SegmentCheck *check, int from, const struct stat *st)
{
        _cleanup_(buffer_done) Buffer buffer = {};
        _cleanup_free_ char *header = NULL;
        _cleanup_close_ int fd = -1;
        size_t length;
        int r;

        r = make_header(work, check, st, &header, &length);
        if (r < 0)
                return r;
        if (unlinkat(work->directory_fd, SEGMENT_REWRITE_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(work->directory_fd, SEGMENT_REWRITE_NAME,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        buffer_put(&buffer, header, length);
        r = copy_good_lines(check, from, fd, &buffer);
        return r < 0 ? r : take_over(fd, st);
}

/* The old file has two names, until the new one takes one of them. */
static int install(VerifyWork *work, const char *name)
{
        char other[SEGMENT_NAME_SIZE * 2];

        quarantine_name(name, other);
        if (linkat(work->directory_fd, name, work->directory_fd, other, 0) < 0 ||
            fsync(work->directory_fd) < 0 ||
            renameat(work->directory_fd, SEGMENT_REWRITE_NAME, work->directory_fd, name) < 0 ||
            fsync(work->directory_fd) < 0)
                return -errno;

        work->quarantined = true;
        verify_say(work, FINDING_REPAIR, FINDING_QUARANTINE, name, NULL,
                   "The file was written anew with what is good in it; as it was it is \"%s\".",
                   other);
        return 0;
}

/* What goes from the end of the history may have been published: its numbers stay used. */
static int keep_numbers(VerifyWork *work, const SegmentCheck *check, int fd, const struct stat *st)
{
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        _cleanup_json_ struct json_object *positions = NULL;
        Reservation reservation;
        uint64_t last_seq;
        int r;

        if (check->next_seq != UINT64_MAX || check->segment.exits)
                return 0;
        r = segment_scan(fd, &scan, &positions, NULL);
        if (r < 0)
                return r;
        last_seq = scan.tail_seq > scan.last_seq ? scan.tail_seq : scan.last_seq;
        if (last_seq <= check->last_seq)
                return 0;
        r = reservation_load(work->directory_fd, work->epoch, &reservation);
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
                return r;
        if (r < 0)
                reservation = (Reservation){ .epoch = work->epoch };
        if (reservation.last_seq >= last_seq)
                return 0;

        reservation.last_seq = last_seq;
        r = reservation_store(work->directory_fd, &reservation);
        if (r < 0 || geteuid() != 0)
                return r;
        return fchownat(work->directory_fd, RESERVATION_NAME, st->st_uid, st->st_gid,
                        AT_SYMLINK_NOFOLLOW) < 0
                       ? -errno
                       : 0;
}

static int rewrite_segment(VerifyWork *work, const SegmentCheck *check, const char *name)
{
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = segment_open(work->directory_fd, name, false);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        r = keep_numbers(work, check, fd, &st);
        if (r < 0)
                return r;
        if (check->last_seq == 0 && !(check->segment.active && check->has_header))
                return mend_set_aside(work, name, "nothing in it is good");
        r = write_new(work, check, fd, &st);
        if (r >= 0)
                r = install(work, name);
        if (r < 0)
                unlinkat(work->directory_fd, SEGMENT_REWRITE_NAME, 0);
        return r;
}

int mend_segment(VerifyWork *work, SegmentCheck *check)
{
        char name[SEGMENT_NAME_SIZE], index[SEGMENT_NAME_SIZE];
        int r;

        segment_name(&check->segment, name);
        if (check->foreign)
                return mend_set_aside(work, name, "nobody read it");
        r = rewrite_segment(work, check, name);
        if (r < 0 || check->segment.active || check->segment.exits)
                return r;

        segment_index_name(&check->segment, index);
        if (faccessat(work->directory_fd, index, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        return mend_set_aside(work, index, "the service makes a new one");
}

/* ---- the rest ---- */

int mend_reservation(VerifyWork *work)
{
        Reservation reservation;
        int r;

        r = reservation_load(work->directory_fd, work->epoch, &reservation);
        if (r == -EBADMSG || r == -ENOENT)
                return mend_set_aside(work, RESERVATION_NAME, "the service makes a new one");
        /* One after the other. */
        if (r >= 0)
                r = reservation_store(work->directory_fd, &reservation);
        if (r >= 0)
                r = reservation_store(work->directory_fd, &reservation);
        if (r < 0)
                return r;
        verify_say(work, FINDING_REPAIR, FINDING_RESERVATION, RESERVATION_NAME, NULL,
                   "The file was written anew.");
        return 0;
}

int mend_access(VerifyWork *work, const char *name, bool directory)
{
        _cleanup_close_ int fd = -1;
        struct stat folder, st;

        fd = openat(work->directory_fd, name,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0 || fstat(work->directory_fd, &folder) < 0 ||
            fchmod(fd, st.st_mode & (directory ? 0750 : 0640)) < 0)
                return -errno;
        if (st.st_uid != folder.st_uid && fchown(fd, folder.st_uid, folder.st_gid) < 0)
                return -errno;

        verify_say(work, FINDING_REPAIR, FINDING_ACCESS, name, NULL, "It is closed to others now.");
        return 0;
}
