/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Store: the segments of a history in their folder, which it holds alone. It finds them, starts and
 * seals them, appends bytes durably, and removes the oldest. Which of them a question needs is in
 * log/store-lookup.h, those of exit codes alone are in log/store-exits.h. What the bytes mean is
 * the business of log/logfile.h.
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

/* Says a sentence to whoever wants to know what was found or done in the folder. */
__attribute__((format(printf, 2, 3))) void store_report(const Store *store, const char *format,
                                                        ...);

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

/* Makes the names in the folder durable. */
int store_sync(Store *store);

/* A file of that name is not of this history: it keeps its content, under another name. */
int store_set_aside(Store *store, const char *name);
