/* SPDX-License-Identifier: Apache-2.0 */
#include "log/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "log/folder.h"
#include "log/recovery.h"
#include "log/segment-index.h"
#include "log/store-exits.h"
#include "model/timestamp.h"

int store_init(Store *store, const char *directory,
               void (*report)(const char *sentence, void *userdata), void *userdata)
{
        *store = (Store){
                .report = report,
                .userdata = userdata,
                .directory_fd = -1,
                .active_fd = -1,
                .directory = strdup(directory),
        };
        return store->directory ? 0 : -ENOMEM;
}

/* Takes the last segment off the list. */
static void forget_last(Store *store)
{
        Segment *last = store->segments + --store->n_segments;

        segment_index_free(last->index);
}

void store_close(Store *store)
{
        while (store->n_segments > 0)
                forget_last(store);
        free(TAKE_PTR(store->segments));
        store_exits_forget(store);
        free(TAKE_PTR(store->exits));
        key_filters_done(&store->filters);
        json_object_put(TAKE_PTR(store->positions));
        store->epoch = SD_ID128_NULL;
        if (store->active_fd >= 0)
                close(TAKE_FD(store->active_fd));
        if (store->directory_fd >= 0)
                close(TAKE_FD(store->directory_fd));
}

void store_done(Store *store)
{
        segment_index_free(TAKE_PTR(store->spare_index));
        store_close(store);
        free(TAKE_PTR(store->directory));
}

__attribute__((format(printf, 3, 4))) static int fail(Store *store, int error, const char *format,
                                                      ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(store->failure, sizeof(store->failure), format, args);
        va_end(args);
        utf8_mend(store->failure);
        return error;
}

void store_report(const Store *store, const char *format, ...)
{
        char sentence[RECOVERY_FAILURE_SIZE];
        va_list args;

        if (!store->report)
                return;
        va_start(args, format);
        vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        store->report(sentence, store->userdata);
}

/* ---- segments ---- */

static Segment *active_segment(Store *store)
{
        Segment *last = store->n_segments > 0 ? store->segments + store->n_segments - 1 : NULL;

        return last && last->active ? last : NULL;
}

int store_set_aside(Store *store, const char *name)
{
        char other[SEGMENT_NAME_SIZE * 2];

        if (faccessat(store->directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        snprintf(other, sizeof(other), "%s" SEGMENT_QUARANTINE_MARK "%" PRIu64, name,
                 timestamp_now());
        if (renameat(store->directory_fd, name, store->directory_fd, other) < 0)
                return -errno;

        store_report(store, "\"%s\" was in the way, and is \"%s\" now.", name, other);
        return 0;
}

/* When the active segment was written to last. */
static uint64_t active_written(const Store *store)
{
        struct stat st;

        if (fstatat(store->directory_fd, SEGMENT_ACTIVE_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return timestamp_now();
        return segment_written(&st);
}

/* An index of that name is of a segment that somebody took away, and whose numbers came again. What
 * cannot be removed is no file either, and so no index. */
static void remove_index(const Store *store, const Segment *segment)
{
        char name[SEGMENT_NAME_SIZE];

        segment_index_name(segment, name);
        (void)unlinkat(store->directory_fd, name, 0);
}

/* Gives the active segment its last name. One without events gives way to the next instead. */
static int seal(Store *store, uint64_t next_first_seq)
{
        Segment *active = active_segment(store), sealed;
        char name[SEGMENT_NAME_SIZE];
        int r;

        if (!active)
                return 0;
        if (active->first_seq >= next_first_seq) {
                forget_last(store);
                return 0;
        }

        sealed = *active;
        sealed.active = false;
        sealed.written_nsec = active_written(store);
        segment_name(&sealed, name);
        r = store_set_aside(store, name);
        if (r < 0)
                return r;
        remove_index(store, &sealed);
        if (renameat2(store->directory_fd, SEGMENT_ACTIVE_NAME, store->directory_fd, name,
                      RENAME_NOREPLACE) < 0)
                return -errno;
        *active = sealed;
        return 0;
}

/*
 * Seals the active segment and starts the next. After a crash at any point recovery finds either
 * the old active segment, or none (the newest sealed one then tells where the history ended), or
 * the new one; the new one comes with its header, whole and durable.
 */
static int start_segment(Store *store, uint64_t first_seq)
{
        RecordHeader header = { .format = RECORD_FORMAT,
                                .epoch = store->epoch,
                                .first_seq = first_seq,
                                .positions = store->positions,
                                .time_nsec = timestamp_now() };
        Segment segment = { .first_seq = first_seq,
                            .active = true,
                            .started_nsec = header.time_nsec };
        _cleanup_(segment_index_freep) SegmentIndex *index = NULL;
        _cleanup_close_ int fd = -1;
        Segment *segments;
        int r;

        segments = reallocarray(store->segments, store->n_segments + 1, sizeof(Segment));
        if (!segments)
                return -ENOMEM;
        store->segments = segments;
        index = segment_index_new();
        if (!index)
                return -ENOMEM;

        fd = segment_create(store->directory_fd, &header, &segment.size);
        if (fd < 0)
                return fd;
        r = seal(store, first_seq);
        if (r < 0)
                return r;
        if (renameat(store->directory_fd, SEGMENT_NEW_NAME, store->directory_fd,
                     SEGMENT_ACTIVE_NAME) < 0)
                return -errno;
        if (fsync(store->directory_fd) < 0)
                return -errno;

        if (store->active_fd >= 0)
                close(store->active_fd);
        store->active_fd = TAKE_FD(fd);
        segment.id = ++store->last_segment_id;
        segment_index_begin(index, store->epoch, segment.size);
        segment.index = TAKE_PTR(index);
        store->segments[store->n_segments++] = segment;
        return 0;
}

int store_remove(Store *store, size_t index)
{
        Segment *segment = store->segments + index;
        char name[SEGMENT_NAME_SIZE];

        segment_name(segment, name);
        if (unlinkat(store->directory_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;

        segment_index_discard(segment->index, store->directory_fd, segment);
        segment_index_free(segment->index);
        store->n_segments--;
        memmove(segment, segment + 1, (store->n_segments - index) * sizeof(Segment));
        return 0;
}

int store_drop_oldest(Store *store)
{
        int r;

        if (store->n_segments == 0 || store->segments[0].active)
                return 0;
        r = store_remove(store, 0);
        return r < 0 ? r : 1;
}

void store_replaced(Store *store, size_t index, const Segment *segment)
{
        Segment *ours = store->segments + index;
        SegmentIndex *of_old = ours->index;

        segment_index_discard(of_old, store->directory_fd, ours);
        *ours = *segment;
        ours->index = of_old;
        ours->id = ++store->last_segment_id;
}

int store_sync(Store *store)
{
        return fsync(store->directory_fd) < 0 ? -errno : 0;
}

/* ---- opening ---- */

static int take_folder(Store *store, int *ret_fd)
{
        int r;

        r = folder_make(store->directory);
        if (r < 0)
                return fail(store, r, "The folder \"%s\" cannot be made: %s.", store->directory,
                            strerror(-r));
        r = folder_lock(store->directory, ret_fd);
        if (r == -EBUSY)
                return fail(store, r,
                            "Another process writes the history in \"%s\": stop it, or choose "
                            "another Directory=.",
                            store->directory);
        if (r < 0)
                return fail(store, r, "The folder \"%s\" cannot be locked: %s.", store->directory,
                            strerror(-r));
        return 0;
}

static int adopt(Store *store, Recovery *recovery)
{
        for (size_t i = 0; i < recovery->n_segments; i++) {
                recovery->segments[i].index = segment_index_new();
                if (!recovery->segments[i].index)
                        return -ENOMEM;
        }
        store->segments = recovery->segments;
        store->n_segments = recovery->n_segments;
        store->active_fd = recovery->active_fd;
        store->epoch = recovery->epoch;
        store->positions = recovery->positions;
        for (size_t i = 0; i < store->n_segments; i++)
                store->segments[i].id = ++store->last_segment_id;
        if (store->n_segments > 0 && store->segments[store->n_segments - 1].active)
                store->segments[store->n_segments - 1].index->memory =
                        TAKE_PTR(recovery->active_index);
        recovery->active_index = index_memory_free(recovery->active_index);
        return 0;
}

int store_open(Store *store, uint64_t *ret_newest_seq, uint64_t *ret_next_seq)
{
        char failure[RECOVERY_FAILURE_SIZE];
        Recovery recovery;
        int fd = -1, r;

        r = take_folder(store, &fd);
        if (r < 0)
                return r;
        r = recovery_run(fd, store->report, store->userdata, &recovery, failure);
        if (r < 0) {
                close(fd);
                return fail(store, r, "\"%s\": %s", store->directory, failure);
        }

        r = adopt(store, &recovery);
        if (r < 0) {
                for (size_t i = 0; i < recovery.n_segments; i++)
                        segment_index_free(recovery.segments[i].index);
                recovery_done(&recovery);
                close(fd);
                return r;
        }
        store->directory_fd = fd;
        r = key_filters_find(&store->filters, fd, store->epoch, recovery.next_seq);
        if (r < 0) {
                store_close(store);
                return fail(store, r, "The folder \"%s\" cannot be listed: %s.", store->directory,
                            strerror(-r));
        }
        r = store_exits_find(store);
        if (r < 0) {
                store_close(store);
                return fail(store, r, "The exit codes in \"%s\" cannot be found: %s.",
                            store->directory, strerror(-r));
        }
        if (store->active_fd < 0) {
                r = start_segment(store, recovery.next_seq);
                if (r < 0) {
                        store_close(store);
                        return fail(store, r, "No segment can be made in \"%s\": %s.",
                                    store->directory, strerror(-r));
                }
        }

        store->failure[0] = '\0';
        *ret_newest_seq = recovery.newest_seq;
        *ret_next_seq = recovery.next_seq;
        return 0;
}

/* ---- writing ---- */

static int write_bytes(Store *store, const char *bytes, size_t size)
{
        uint64_t offset = active_segment(store)->size;

        for (size_t done = 0; done < size;) {
                ssize_t n =
                        pwrite(store->active_fd, bytes + done, size - done, (off_t)(offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }

        return 0;
}

/* The segment is good up to its committed size only; nothing is written to it any more. */
static void give_up_segment(Store *store, int error)
{
        Segment *active = active_segment(store);

        store_report(store, "Writing \"%s\" failed (%s): it is sealed, and a new segment is tried.",
                     SEGMENT_ACTIVE_NAME, strerror(-error));
        /* If this fails too, readers still stop where the next segment's numbers start. */
        if (ftruncate(store->active_fd, (off_t)active->size) < 0)
                store_report(store, "\"%s\" cannot be cut back either: %s.", SEGMENT_ACTIVE_NAME,
                             strerror(errno));
        close(TAKE_FD(store->active_fd));
}

/* Somebody removed, replaced or cut the file that we write: nothing that is written to it counts.
 */
static int check_active(Store *store)
{
        Segment *active = active_segment(store);
        struct stat ours, named;
        char name[] = SEGMENT_ACTIVE_NAME;

        if (!active || store->active_fd < 0)
                return 0;
        if (fstat(store->active_fd, &ours) < 0)
                return -errno;
        if (fstatat(store->directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
                named.st_ino = 0;
        if (named.st_ino == ours.st_ino && (uint64_t)ours.st_size >= active->size)
                return 0;

        store_report(store, "\"%s\" was removed or cut by somebody else: a new segment is started.",
                     name);
        close(TAKE_FD(store->active_fd));
        if (named.st_ino == ours.st_ino) {
                active->size = (uint64_t)ours.st_size;
                segment_index_discard(active->index, store->directory_fd, active);
                return 0;
        }
        forget_last(store);
        return named.st_ino == 0 ? 0 : store_set_aside(store, name);
}

/* The folder was removed: the history goes on in a new one of that name. */
static int check_folder(Store *store)
{
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (fstat(store->directory_fd, &st) < 0)
                return -errno;
        if (st.st_nlink > 0)
                return 0;
        r = take_folder(store, &fd);
        if (r < 0)
                return r;
        if (faccessat(fd, SEGMENT_ACTIVE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST;

        store_report(store, "The folder \"%s\" was removed, and made again.", store->directory);
        close(store->directory_fd);
        store->directory_fd = TAKE_FD(fd);
        while (store->n_segments > 0)
                forget_last(store);
        store_exits_forget(store);
        key_filters_done(&store->filters);
        return 0;
}

int store_prepare(Store *store, uint64_t first_seq, size_t size, uint64_t segment_size)
{
        const Segment *active;
        int r;

        r = check_active(store);
        if (r < 0)
                return r;
        active = active_segment(store);
        if (active && store->active_fd >= 0 &&
            (active->first_seq >= first_seq || active->size + size <= segment_size))
                return 0;

        r = check_folder(store);
        if (r < 0)
                return r;
        return start_segment(store, first_seq);
}

int store_seal(Store *store, uint64_t next_first_seq)
{
        const Segment *active;
        int r;

        r = check_active(store);
        if (r < 0)
                return r;
        active = active_segment(store);
        if (!active || active->first_seq >= next_first_seq)
                return 0;
        return start_segment(store, next_first_seq);
}

int store_write(Store *store, const char *bytes, size_t size, uint64_t *ret_offset)
{
        Segment *active = active_segment(store);
        int r;

        r = write_bytes(store, bytes, size);
        /* What was not synced yet is in no doubt when it is cut off again. */
        if (r < 0 && ftruncate(store->active_fd, (off_t)active->size) >= 0)
                return r;
        if (r >= 0 && fdatasync(store->active_fd) < 0)
                r = -errno;
        if (r < 0) {
                give_up_segment(store, r);
                return r;
        }
        *ret_offset = active->size;
        active->size += size;
        return 0;
}

void store_index_add(Store *store, uint64_t offset, size_t length, const EventFields *event)
{
        segment_index_add(active_segment(store)->index, offset, length, event);
}
