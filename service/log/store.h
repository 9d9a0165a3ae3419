/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Store: the segments of a history in their folder, which it holds alone. It finds them, starts and
 * seals them, appends bytes durably, and removes the oldest. What the bytes mean is the business of
 * log/eventlog.h.
 *
 * A segment is sealed where it was good when nobody knows any more what is on the disk: after a
 * failed fsync, which is never tried again.
 */

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "log/index.h"
#include "log/key-filters.h"
#include "log/segment.h"

/* A sentence of recovery, behind the path of the folder. */
#define STORE_FAILURE_SIZE (512 + 4096)

typedef struct Store {
        char *directory;                                      /* owned */
        void (*report)(const char *sentence, void *userdata); /* may be NULL */
        void *userdata;
        char failure[STORE_FAILURE_SIZE]; /* why opening failed, in a sentence */

        int directory_fd; /* owned; holds the lock; -1: not open */
        int active_fd;    /* owned; -1: the next write starts a segment */

        Segment *segments; /* owned; by first_seq, the active one last */
        size_t n_segments;
        Segment *exits; /* owned; by first_seq: only exit codes, of segments that are gone */
        size_t n_exits;
        KeyFilters filters;
        struct SegmentIndex *spare_index; /* owned: for the next of them; NULL: not reserved */
        uint64_t last_segment_id;
        sd_id128_t epoch;
        struct json_object
                *positions; /* owned: source -> place, for the header of the next segment */
} Store;

/* Touches no disk. Returns -ENOMEM. */
int store_init(Store *store, const char *directory,
               void (*report)(const char *sentence, void *userdata), void *userdata);
void store_done(Store *store);

/*
 * Makes the folder if need be, locks it, repairs a torn tail. Returns negative errno with a
 * sentence in store->failure; it may be tried again.
 */
int store_open(Store *store, uint64_t *ret_newest_seq, uint64_t *ret_next_seq);

/* Back to where it was before it was opened. */
void store_close(Store *store);

/* Sees to it that there is an active segment for "size" more bytes, the first of them with the
 * number "first_seq". */
int store_prepare(Store *store, uint64_t first_seq, size_t size, uint64_t segment_size);

/* Appends whole lines to the active segment, durably, and tells where they stand. On failure
 * nothing of it counts. */
int store_write(Store *store, const char *bytes, size_t size, uint64_t *ret_offset);

/* Adds an event to the index of the active segment, in the order in which they were written. */
void store_index_add(Store *store, uint64_t offset, size_t length, const EventFields *event);

/* Seals the active segment, if it has events, and starts the next, whose first number is told. */
int store_seal(Store *store, uint64_t next_first_seq);

/* Removes the oldest sealed segment. Returns 1 if there was one. */
int store_drop_oldest(Store *store);

/* Removes a sealed segment. */
int store_remove(Store *store, size_t index);

/* A file of that name was rewritten: it has another content, and so another id. */
void store_replaced(Store *store, size_t index, const Segment *segment);

/* The same, of the newest segment of exit codes, or a new one behind it; returns -ENOMEM, before
 * which there is no sense in making it. */
int store_exits_reserve(Store *store);
void store_exits_written(Store *store, const Segment *segment, bool newest_replaced);
int store_exits_drop_oldest(Store *store);

/* Makes the names in the folder durable. */
int store_sync(Store *store);

/* A file of that name is not of this history: it keeps its content, under another name. */
int store_set_aside(Store *store, const char *name);

uint64_t store_size(const Store *store); /* bytes of all segments but those of exit codes */

/* The segment that a number is in, and the one behind the one that starts with a number. NULL if
 * there is none; valid until the store changes. */
const Segment *store_segment_of(const Store *store, uint64_t seq);
const Segment *store_segment_after(const Store *store, uint64_t first_seq);

/* What there is of a segment's index; valid until the store changes. */
Index store_index(Store *store, const Segment *segment);

/*
 * The first segment behind the one that starts with a number that may answer what the plan asks
 * for, as far as filters tell; NULL if there is none. *passed is 0 at first, and then the store's.
 */
const Segment *store_segment_for(Store *store, uint64_t first_seq, const IndexPlan *plan,
                                 uint64_t *passed);

/* A reader met an index that is no good: it is made again. */
void store_discard_index(Store *store, const Segment *segment);

/* Does a step of what can wait: the files of indexes that are missing. Returns 1 if there is more.
 */
int store_tend(Store *store);
/* The segment of exit codes that starts with that number or, if there is none, a greater one. */
const Segment *store_exits_from(const Store *store, uint64_t first_seq);

/* A reader met a damaged line: said once a segment. */
void store_report_damage(Store *store, uint64_t segment_id, uint64_t offset);
