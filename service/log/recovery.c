/* SPDX-License-Identifier: Apache-2.0 */
#include "log/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "log/exit-table.h"
#include "log/folder.h"
#include "log/index-file.h"
#include "log/index-memory.h"
#include "log/key-filter.h"
#include "model/timestamp.h"

typedef struct Work {
        int directory_fd; /* weak */
        void (*report)(const char *sentence, void *userdata);
        void *userdata;
        char *failure;         /* weak: RECOVERY_FAILURE_SIZE */
        Segment active;        /* .active: there is one */
        uint64_t doubtful_seq; /* no number up to it is given again */
        Recovery result;
} Work;

__attribute__((format(printf, 2, 3))) static void report(Work *work, const char *format, ...)
{
        char sentence[RECOVERY_FAILURE_SIZE];
        va_list args;

        if (!work->report)
                return;
        va_start(args, format);
        vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        work->report(sentence, work->userdata);
}

__attribute__((format(printf, 3, 4))) static int fail(Work *work, int error, const char *format,
                                                      ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(work->failure, RECOVERY_FAILURE_SIZE, format, args);
        va_end(args);
        return error;
}

/* ---- the folder ---- */

static int add_segment(Recovery *result, const Segment *segment)
{
        Segment *segments;

        segments = reallocarray(result->segments, result->n_segments + 1, sizeof(Segment));
        if (!segments)
                return -ENOMEM;
        result->segments = segments;
        segments[result->n_segments++] = *segment;
        return 0;
}

/* What a name in the folder is; foreign files are left alone. */
static int note_name(Work *work, const char *name, bool *active)
{
        Segment segment = {};

        if (strcmp(name, SEGMENT_ACTIVE_NAME) == 0) {
                *active = true;
                return 0;
        }
        if (segment_name_parse(name, &segment.first_seq))
                return add_segment(&work->result, &segment);
        if (segment_index_name_parse(name, &segment.first_seq) ||
            key_filter_name_parse(name, &segment.first_seq) ||
            segment_exits_name_parse(name, &segment.first_seq) || /* see log/exit-records.h */
            strcmp(name, EXIT_TABLE_NAME) == 0)
                return 0;
        if (strcmp(name, SEGMENT_NEW_NAME) == 0 || strcmp(name, SEGMENT_REWRITE_NAME) == 0 ||
            strcmp(name, INDEX_FILE_NEW_NAME) == 0 || strcmp(name, KEY_FILTER_NEW_NAME) == 0 ||
            strcmp(name, EXIT_TABLE_NEW_NAME) == 0) {
                unlinkat(work->directory_fd, name, 0);
                return 0;
        }
        if (name[0] != '.' && !strstr(name, SEGMENT_QUARANTINE_MARK))
                report(work, "\"%s\" in the folder of the history is not ours, and is left alone.",
                       name);
        return 0;
}

static int list_folder(Work *work, bool *ret_active)
{
        _cleanup_closedir_ DIR *directory = NULL;
        struct dirent *entry;
        bool active = false;
        int r;

        r = folder_list(work->directory_fd, &directory);
        if (r < 0)
                return r;

        for (errno = 0; (entry = readdir(directory)); errno = 0) {
                r = note_name(work, entry->d_name, &active);
                if (r < 0)
                        return r;
        }
        if (errno > 0)
                return -errno;

        if (work->result.n_segments > 0)
                qsort(work->result.segments, work->result.n_segments, sizeof(Segment),
                      segment_compare);
        *ret_active = active;
        return 0;
}

static int check_format(Work *work, const char *name, const RecordHeader *header)
{
        if (header->format == RECORD_FORMAT)
                return 0;
        return fail(work, -EPROTONOSUPPORT,
                    "\"%s\" has format %" PRIi64 ", and this version knows only format %d: "
                    "install the version that wrote it, or choose another Directory=.",
                    name, header->format, RECORD_FORMAT);
}

/* Without a header it is a segment if its records fit its name. */
static int check_headless(Work *work, int fd, const Segment *segment, const char *name)
{
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        _cleanup_json_ struct json_object *positions = NULL;
        int r;

        r = segment_scan(fd, &scan, &positions, NULL);
        if (r < 0)
                return r;
        if (scan.first_seq < segment->first_seq) {
                report(work, "\"%s\" has no header and no events of ours, and is left out.", name);
                return 0;
        }

        report(work, "The header of \"%s\" is damaged; its events are read all the same.", name);
        return 1;
}

/* Returns 1 if the sealed segment belongs to the history, 0 if it is left out. */
static int check_sealed(Work *work, Segment *segment, RecordHeader *header)
{
        _cleanup_close_ int fd = -1;
        char name[SEGMENT_NAME_SIZE];
        struct stat st;
        int r;

        segment_name(segment, name);
        fd = segment_open(work->directory_fd, name, false);
        if (fd < 0 || fstat(fd, &st) < 0) {
                report(work, "\"%s\" cannot be read (%s), and is left out.", name,
                       strerror(fd < 0 ? -fd : errno));
                return 0;
        }
        segment->size = (uint64_t)st.st_size;
        segment->written_nsec = segment_written(&st);

        r = segment_read_header(fd, header);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return check_headless(work, fd, segment, name);
        r = check_format(work, name, header);
        if (r < 0)
                return r;
        segment->thinned = header->thinned;
        if (header->first_seq != segment->first_seq) {
                report(work,
                       "\"%s\" starts with number %" PRIu64 " and not with the one in its name: "
                       "it is left out.",
                       name, header->first_seq);
                return 0;
        }

        return 1;
}

/*
 * Keeps the sealed segments of one history. The epoch is the newest one that a header names, unless
 * the active segment named it already.
 */
static int check_all_sealed(Work *work)
{
        Recovery *result = &work->result;
        size_t n_kept = 0;
        int r;

        for (size_t i = result->n_segments; i-- > 0;) {
                RecordHeader header = {};
                Segment segment = result->segments[i];
                char name[SEGMENT_NAME_SIZE];

                r = check_sealed(work, &segment, &header);
                if (r < 0) {
                        record_header_done(&header);
                        return r;
                }
                if (header.positions) {
                        if (sd_id128_is_null(result->epoch))
                                result->epoch = header.epoch;
                        if (r > 0 && !sd_id128_equal(result->epoch, header.epoch)) {
                                segment_name(&segment, name);
                                report(work, "\"%s\" is of another history, and is left out.",
                                       name);
                                r = 0;
                        }
                        record_header_done(&header);
                }
                if (r > 0) {
                        /* Kept ones gather at the end, in order. */
                        n_kept++;
                        result->segments[result->n_segments - n_kept] = segment;
                }
        }

        if (n_kept > 0)
                memmove(result->segments, result->segments + result->n_segments - n_kept,
                        n_kept * sizeof(Segment));
        result->n_segments = n_kept;
        return 0;
}

/* ---- the active segment ---- */

static void quarantine_name(char name[static SEGMENT_NAME_SIZE])
{
        snprintf(name, SEGMENT_NAME_SIZE, SEGMENT_ACTIVE_NAME SEGMENT_QUARANTINE_MARK "%" PRIu64,
                 timestamp_now());
}

/* Moves what stands behind the last intact line to a file beside the segment. */
static int quarantine_tail(Work *work, int fd, const SegmentScan *scan)
{
        char name[SEGMENT_NAME_SIZE];
        int r;

        quarantine_name(name);
        r = folder_move_tail(work->directory_fd, fd, scan->good_size, name);
        if (r < 0)
                return fail(work, r, "The torn end of \"%s\" cannot be moved away: %s.",
                            SEGMENT_ACTIVE_NAME, strerror(-r));

        report(work,
               "The last %" PRIu64 " bytes of \"%s\" are torn (%" PRIu64
               " whole lines among them): they were moved to \"%s\".",
               scan->tail_size, SEGMENT_ACTIVE_NAME, scan->n_tail_lines, name);
        return 0;
}

/* The active segment has events and no header: it is sealed, and a new one tells the epoch. */
static int seal_headless(Work *work, const SegmentScan *scan)
{
        Segment segment = { .first_seq = scan->first_seq, .size = scan->good_size };
        char name[SEGMENT_NAME_SIZE];
        int r;

        segment_name(&segment, name);
        if (renameat2(work->directory_fd, SEGMENT_ACTIVE_NAME, work->directory_fd, name,
                      RENAME_NOREPLACE) < 0 ||
            fsync(work->directory_fd) < 0)
                return fail(work, -errno, "\"%s\" has lost its header and cannot be sealed: %s.",
                            SEGMENT_ACTIVE_NAME, strerror(errno));

        report(work, "The header of \"%s\" is damaged: its events stay, sealed as \"%s\".",
               SEGMENT_ACTIVE_NAME, name);
        r = add_segment(&work->result, &segment);
        if (r < 0)
                return r;
        qsort(work->result.segments, work->result.n_segments, sizeof(Segment), segment_compare);
        return 0;
}

/* Nothing in it is intact: it is set aside whole. */
static int quarantine_active(Work *work, uint64_t size)
{
        char name[SEGMENT_NAME_SIZE];

        quarantine_name(name);
        if (renameat(work->directory_fd, SEGMENT_ACTIVE_NAME, work->directory_fd, name) < 0 ||
            fsync(work->directory_fd) < 0)
                return fail(work, -errno, "\"%s\" is broken and cannot be set aside: %s.",
                            SEGMENT_ACTIVE_NAME, strerror(errno));
        if (size > 0)
                report(work,
                       "\"%s\" (%" PRIu64 " bytes) has no intact line: it was moved to \"%s\".",
                       SEGMENT_ACTIVE_NAME, size, name);
        return 0;
}

static void take_scan(Work *work, const SegmentScan *scan, const char *name)
{
        Recovery *result = &work->result;

        if (scan->n_damaged > 0)
                report(work,
                       "%" PRIu64 " lines of \"%s\" are damaged, the first at byte %" PRIu64
                       ": they are left out.",
                       scan->n_damaged, name, scan->damaged_offset);
        if (scan->has_header && scan->header.first_seq - 1 > result->newest_seq)
                result->newest_seq = scan->header.first_seq - 1;
        if (scan->last_seq > result->newest_seq)
                result->newest_seq = scan->last_seq;
        if (scan->tail_seq > work->doubtful_seq)
                work->doubtful_seq = scan->tail_seq;
        result->next_seq = 1 + (work->doubtful_seq > result->newest_seq ? work->doubtful_seq
                                                                        : result->newest_seq);
}

static int recover_active(Work *work, int fd, const SegmentScan *scan)
{
        int r;

        if (scan->good_size == 0)
                return quarantine_active(work, scan->tail_size);
        if (scan->tail_size > 0) {
                r = quarantine_tail(work, fd, scan);
                if (r < 0)
                        return r;
        }
        if (!scan->has_header)
                return scan->first_seq > 0 ? seal_headless(work, scan)
                                           : quarantine_active(work, scan->good_size);

        work->result.epoch = scan->header.epoch;
        work->active = (Segment){
                .first_seq = scan->header.first_seq,
                .size = scan->good_size,
                .active = true,
                .started_nsec = scan->header.time_nsec,
        };
        return 0;
}

/* While the segment is read anyway, its index is made. */
static void begin_index(Work *work, int fd)
{
        RecordHeader header = {};

        if (segment_read_header(fd, &header) < 0)
                return;
        (void)index_memory_new(header.epoch, &work->result.active_index);
        record_header_done(&header);
}

static int open_active(Work *work)
{
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        _cleanup_json_ struct json_object *positions = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        fd = segment_open(work->directory_fd, SEGMENT_ACTIVE_NAME, true);
        if (fd < 0)
                return fail(work, fd, "\"%s\" cannot be opened: %s.", SEGMENT_ACTIVE_NAME,
                            strerror(-fd));
        begin_index(work, fd);
        r = segment_scan(fd, &scan, &positions, &work->result.active_index);
        if (r < 0)
                return fail(work, r, "\"%s\" cannot be read: %s.", SEGMENT_ACTIVE_NAME,
                            strerror(-r));
        if (scan.has_header) {
                r = check_format(work, SEGMENT_ACTIVE_NAME, &scan.header);
                if (r < 0)
                        return r;
        }

        take_scan(work, &scan, SEGMENT_ACTIVE_NAME);
        r = recover_active(work, fd, &scan);
        if (r < 0)
                return r;
        if (scan.has_header || scan.first_seq > 0)
                work->result.positions = TAKE_PTR(positions);
        if (work->active.active)
                work->result.active_fd = TAKE_FD(fd);
        return 0;
}

/* Without an active segment the newest sealed one tells where the history ended. */
static int scan_newest_sealed(Work *work)
{
        _cleanup_(segment_scan_done) SegmentScan scan = {};
        Recovery *result = &work->result;
        char name[SEGMENT_NAME_SIZE];
        _cleanup_close_ int fd = -1;
        int r;

        segment_name(result->segments + result->n_segments - 1, name);
        fd = segment_open(work->directory_fd, name, false);
        if (fd < 0)
                return fail(work, fd, "\"%s\" cannot be opened: %s.", name, strerror(-fd));
        r = segment_scan(fd, &scan, &result->positions, NULL);
        if (r < 0)
                return fail(work, r, "\"%s\" cannot be read: %s.", name, strerror(-r));

        take_scan(work, &scan, name);
        return 0;
}

static int recover(Work *work)
{
        Recovery *result = &work->result;
        bool has_active = false;
        int r;

        r = list_folder(work, &has_active);
        if (r < 0)
                return fail(work, r, "The folder of the history cannot be listed: %s.",
                            strerror(-r));
        if (has_active) {
                /* First, since it knows the epoch. */
                r = open_active(work);
                if (r < 0)
                        return r;
        }

        r = check_all_sealed(work);
        if (r < 0)
                return r;
        if (work->active.active)
                return add_segment(result, &work->active);
        if (result->n_segments == 0 || result->positions)
                return 0;
        return scan_newest_sealed(work);
}

int recovery_run(int directory_fd, void (*report_function)(const char *sentence, void *userdata),
                 void *userdata, Recovery *ret, char failure[static RECOVERY_FAILURE_SIZE])
{
        Work work = {
                .directory_fd = directory_fd,
                .report = report_function,
                .userdata = userdata,
                .failure = failure,
                .result = { .active_fd = -1, .next_seq = 1 },
        };
        int r;

        failure[0] = '\0';
        r = recover(&work);
        if (r >= 0 && !work.result.positions) {
                work.result.positions = json_object_new_object();
                if (!work.result.positions)
                        r = -ENOMEM;
        }
        if (r < 0) {
                if (failure[0] == '\0')
                        fail(&work, r, "The history cannot be opened: %s.", strerror(-r));
                recovery_done(&work.result);
                return r;
        }

        if (sd_id128_is_null(work.result.epoch)) {
                r = sd_id128_randomize(&work.result.epoch);
                if (r < 0) {
                        recovery_done(&work.result);
                        return fail(&work, r, "No ID for the history: %s.", strerror(-r));
                }
        }
        *ret = work.result;
        return 0;
}

void recovery_done(Recovery *recovery)
{
        recovery->active_index = index_memory_free(recovery->active_index);
        free(recovery->segments);
        recovery->segments = NULL;
        if (recovery->active_fd >= 0)
                close(recovery->active_fd);
        recovery->active_fd = -1;
        json_object_put(recovery->positions);
        recovery->positions = NULL;
}
