/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The reading side of a store: which of its segments a question needs, as far as numbers, filters
 * (log/key-filters.h) and indexes (log/segment-index.h) tell, and making those that are missing.
 */

#include <stdbool.h>

#include "log/store.h"

uint64_t store_size(const Store *store);       /* bytes of all segments but those of exit codes */
uint64_t store_total_size(const Store *store); /* bytes of those, too */

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

/* Removes the index of the oldest segment that has one, for good, to make room. Returns false if
 * none has. */
bool store_give_up_index(Store *store);

/* A reader met a damaged line: said once a segment. */
void store_report_damage(Store *store, uint64_t segment_id, uint64_t offset);
