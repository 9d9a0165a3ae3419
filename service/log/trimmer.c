/* SPDX-License-Identifier: Apache-2.0 */
#include "log/trimmer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/cleanup.h"
#include "log/exit-records.h"
#include "log/retention.h"
#include "log/rewrite.h"
#include "log/store-exits.h"
#include "log/store-lookup.h"
#include "log/thinning.h"
#include "model/timestamp.h"

/* Some file systems tell of the room that a removed file leaves only a while later: so long it is
 * believed to be there, or the whole history would go for it. */
#define ROOM_NSEC (UINT64_C(45) * NSEC_PER_SEC)

/* A thinned segment takes room before it makes some. After so many failures in a row the segment is
 * left as it is, and the oldest goes instead. */
#define THINNING_TRIES 3

struct Trimmer {
        Store *store; /* weak */
        TrimmerLimits limits;

        /* What is being done. */
        Rewrite *rewrite; /* owned; NULL: nothing */
        RetentionStep step;
        uint64_t segment_id, base_id;
        int directory_fd;    /* weak: where it is done */
        unsigned n_failures; /* one after the other, that may pass */

        /* Of the room that was made. */
        uint64_t free_before, freed, room_until_nsec;
};

int trimmer_new(Store *store, const TrimmerLimits *limits, Trimmer **ret)
{
        Trimmer *trimmer;

        trimmer = calloc(1, sizeof(Trimmer));
        if (!trimmer)
                return -ENOMEM;
        trimmer->store = store;
        trimmer->limits = *limits;
        *ret = trimmer;
        return 0;
}

Trimmer *trimmer_free(Trimmer *trimmer)
{
        if (!trimmer)
                return NULL;

        rewrite_free(trimmer->rewrite);
        free(trimmer);
        return NULL;
}

/* ---- free space ---- */

static uint64_t monotonic_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Takes "freed" as there, whatever the file system says. */
static uint64_t believed_free(Trimmer *trimmer, uint64_t measured)
{
        uint64_t believed;

        if (trimmer->freed > 0 && monotonic_now() > trimmer->room_until_nsec)
                trimmer->freed = 0;
        if (trimmer->freed == 0) {
                trimmer->free_before = measured;
                return measured;
        }
        believed = trimmer->free_before + trimmer->freed;
        return believed > measured ? believed : measured;
}

static void count_freed(Trimmer *trimmer, uint64_t size_before)
{
        uint64_t size = store_total_size(trimmer->store);

        if (size >= size_before)
                return;
        trimmer->freed += size_before - size;
        trimmer->room_until_nsec = monotonic_now() + ROOM_NSEC;
}

static int look_at_disk(Trimmer *trimmer, uint64_t *ret_free, uint64_t *ret_keep)
{
        const TrimmerLimits *limits = &trimmer->limits;
        struct statvfs disk;
        uint64_t unit, keep;

        *ret_free = *ret_keep = 0;
        if (limits->keep_free == 0 && limits->keep_free_percent == 0)
                return 0;
        if (fstatvfs(trimmer->store->directory_fd, &disk) < 0)
                return -errno;

        unit = disk.f_frsize;
        keep = disk.f_blocks * unit / 100 * limits->keep_free_percent;
        *ret_keep = keep > limits->keep_free ? keep : limits->keep_free;
        *ret_free = believed_free(trimmer, disk.f_bavail * unit);
        return 0;
}

/* ---- steps ---- */

static uint64_t merge_max(const Trimmer *trimmer)
{
        uint64_t part = trimmer->limits.segment_size / RETENTION_AGE_PARTS;

        return part < TRIMMER_MERGE_MAX ? part : TRIMMER_MERGE_MAX;
}

/* The segments that one is made of, for each kind of step. */
static void choose_thinning(const Trimmer *trimmer, size_t index, RewriteOptions *options)
{
        const RetentionLimits limits = { .max_age_nsec = trimmer->limits.max_age_nsec };
        const Segment *segments = trimmer->store->segments;

        options->merge_max = merge_max(trimmer);
        options->first = index == 0;
        if (index > 0 && trimmer->n_failures == 0 &&
            retention_may_merge(&limits, segments + index - 1, segments + index))
                options->base = segments[index - 1];
}

static void choose_exits(const Trimmer *trimmer, size_t index, RewriteOptions *options)
{
        const RetentionLimits limits = { .max_age_nsec = RETENTION_EXITS_NSEC };
        const Store *store = trimmer->store;
        const Segment *source = store->segments + index, *base;

        options->merge_max = TRIMMER_MERGE_MAX;
        if (store->n_exits == 0)
                return;
        base = store->exits + store->n_exits - 1;
        if (base->first_seq == source->first_seq ||
            (trimmer->n_failures == 0 && retention_may_merge(&limits, base, source)))
                options->base = *base;
}

static int start_rewrite(Trimmer *trimmer, RetentionStep step, size_t index)
{
        const Store *store = trimmer->store;
        bool thin = step == RETENTION_THIN;
        RewriteOptions options = {
                .directory_fd = store->directory_fd,
                .epoch = store->epoch,
                .source = store->segments[index],
        };
        int r;

        (thin ? choose_thinning : choose_exits)(trimmer, index, &options);
        trimmer->step = step;
        trimmer->segment_id = options.source.id;
        trimmer->base_id = options.base.id;
        trimmer->directory_fd = options.directory_fd;
        r = rewrite_new(thin ? &thinning_rules : &exit_records_rules, &options, &trimmer->rewrite);
        return r < 0 ? r : 1;
}

static bool find(const Segment *segments, size_t n, uint64_t id, size_t *ret_index)
{
        for (size_t i = 0; i < n; i++) {
                if (segments[i].id != id)
                        continue;
                *ret_index = i;
                return true;
        }
        return false;
}

static int finish_thinning(Trimmer *trimmer)
{
        Rewrite *rewrite = trimmer->rewrite;
        Store *store = trimmer->store;
        bool merged = rewrite_is_merged(rewrite);
        Segment segment;
        size_t i;
        int r;

        if (!find(store->segments, store->n_segments, trimmer->segment_id, &i))
                return 0;
        if (rewrite_n_kept(rewrite) == 0 && i == 0)
                return store_remove(store, i);
        if (!rewrite_makes_file(rewrite)) {
                store->segments[i].thinned = true;
                return 0;
        }
        if (merged && (i == 0 || store->segments[i - 1].id != trimmer->base_id))
                return 0;

        r = rewrite_install(rewrite, NULL, NULL, &segment);
        if (r < 0)
                return r;
        store_replaced(store, merged ? i - 1 : i, &segment);
        r = store_sync(store);
        return r >= 0 && merged ? store_remove(store, i) : r;
}

static int set_aside(const char *name, void *userdata)
{
        return store_set_aside(userdata, name);
}

static int finish_removal(Trimmer *trimmer)
{
        Rewrite *rewrite = trimmer->rewrite;
        Store *store = trimmer->store;
        bool merged = rewrite_is_merged(rewrite);
        Segment segment;
        size_t i;
        int r;

        if (merged &&
            (store->n_exits == 0 || store->exits[store->n_exits - 1].id != trimmer->base_id))
                return 0;
        if (rewrite_makes_file(rewrite)) {
                r = store_exits_reserve(store);
                if (r < 0)
                        return r;
                r = rewrite_install(rewrite, set_aside, store, &segment);
                if (r < 0)
                        return r;
                store_exits_written(store, &segment, merged);
                r = store_sync(store);
                if (r < 0)
                        return r;
        }
        if (!find(store->segments, store->n_segments, trimmer->segment_id, &i))
                return 0;
        return store_remove(store, i);
}

/* It may work later, and what waits is safe. */
static bool passes(int error)
{
        return error == -ENOMEM || error == -ENOSPC || error == -EDQUOT || error == -EROFS;
}

/* What will not get better must not stop everything else: the segment is not thinned, or goes
 * without its exit codes. */
static int give_up(Trimmer *trimmer, int error)
{
        Store *store = trimmer->store;
        char name[SEGMENT_NAME_SIZE];
        size_t i;

        trimmer->rewrite = rewrite_free(trimmer->rewrite);
        if (!find(store->segments, store->n_segments, trimmer->segment_id, &i))
                return error;
        if (passes(error) &&
            (++trimmer->n_failures < THINNING_TRIES || trimmer->step != RETENTION_THIN))
                /* At once, when less room may do: without joining it to another. */
                return trimmer->n_failures == 1 && trimmer->base_id > 0 ? 1 : error;
        segment_name(store->segments + i, name);
        if (trimmer->step == RETENTION_THIN) {
                store->segments[i].thinned = true;
                store_report(trimmer->store, "Health checks cannot be taken out of \"%s\": %s.",
                             name, strerror(-error));
                return 1;
        }
        store_report(trimmer->store, "The exit codes in \"%s\" cannot be kept: %s.", name,
                     strerror(-error));
        return store_remove(store, i) < 0 ? error : 1;
}

static int go_on(Trimmer *trimmer)
{
        uint64_t size_before = store_total_size(trimmer->store);
        int r;

        r = rewrite_run(trimmer->rewrite);
        if (r == 0)
                return 1;
        if (r > 0)
                r = trimmer->step == RETENTION_THIN ? finish_thinning(trimmer)
                                                    : finish_removal(trimmer);
        count_freed(trimmer, size_before);
        if (r < 0)
                return give_up(trimmer, r);

        trimmer->rewrite = rewrite_free(trimmer->rewrite);
        trimmer->n_failures = 0;
        return 1;
}

/* ---- what is to be done ---- */

static int begin(Trimmer *trimmer, uint64_t next_seq)
{
        Store *store = trimmer->store;
        RetentionLimits limits = { .max_size = trimmer->limits.max_size,
                                   .max_age_nsec = trimmer->limits.max_age_nsec };
        RetentionView view = { .now_nsec = timestamp_now(),
                               .segments = store->segments,
                               .n_segments = store->n_segments };
        Segment *last = store->n_segments > 0 ? store->segments + store->n_segments - 1 : NULL;
        RetentionStep step;
        size_t index;
        int r;

        r = look_at_disk(trimmer, &view.free, &limits.keep_free);
        if (r < 0)
                return r;
        /* One without events has no age. */
        if (last && last->active && last->first_seq >= next_seq)
                last->started_nsec = view.now_nsec;

        step = retention_next(&limits, &view, &index);
        switch (step) {
        case RETENTION_NOTHING:
                return 0;
        case RETENTION_SEAL:
                r = store_seal(store, next_seq);
                return r < 0 ? r : 1;
        case RETENTION_THIN:
        case RETENTION_SPACE:
        case RETENTION_AGE:
                r = start_rewrite(trimmer, step, index);
                return r < 0 ? give_up(trimmer, r) : r;
        }
        return 0;
}

int trimmer_run(Trimmer *trimmer, uint64_t next_seq)
{
        Store *store = trimmer->store;
        int r;

        /* The folder was made anew. */
        if (trimmer->rewrite && trimmer->directory_fd != store->directory_fd)
                trimmer->rewrite = rewrite_free(trimmer->rewrite);
        if (trimmer->rewrite)
                return go_on(trimmer);
        if (retention_exits_expired(store->exits, store->n_exits, timestamp_now())) {
                r = store_exits_drop_oldest(store);
                return r < 0 ? r : 1;
        }
        return begin(trimmer, next_seq);
}
