/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Trimmer: does what retention (log/retention.h) asks for, in slices, off the write path. Before a
 * segment is removed its exit codes are kept, durably (log/exit-records.h); a crash between gives
 * at worst the same exit code twice.
 */

#include <stdint.h>

#include "log/store.h"

/* A file that is left of several becomes no larger: less is worth being copied again. */
#define TRIMMER_MERGE_MAX (1024 * 1024)

typedef struct TrimmerLimits {
        uint64_t segment_size;      /* bytes: what is merged is at most an eighth of it */
        uint64_t max_size;          /* bytes */
        uint64_t max_age_nsec;      /* 0: no limit */
        uint64_t keep_free;         /* bytes, and */
        unsigned keep_free_percent; /* of the disk; 0 and 0: no limit */
} TrimmerLimits;

typedef struct Trimmer Trimmer;

/* The store must outlive it. Returns -ENOMEM. */
int trimmer_new(Store *store, const TrimmerLimits *limits, Trimmer **ret);

/* Takes NULL; returns NULL. */
Trimmer *trimmer_free(Trimmer *trimmer);

/*
 * One slice: some milliseconds, of an open store. "next_seq" is the number of the first event that
 * is not committed. Returns 1 when there is more to do, 0 when there is not. After an error it may
 * be tried again.
 */
int trimmer_run(Trimmer *trimmer, uint64_t next_seq);
