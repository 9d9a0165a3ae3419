/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The segments of a store that hold exit codes alone, of segments that are gone
 * (log/exit-records.h).
 */

#include "log/store.h"

/* Finds them when the store is opened. Returns negative errno, and what was found is the store's
 * all the same. */
int store_exits_find(Store *store);

/* Takes them off the list; the files stay. */
void store_exits_forget(Store *store);

/* A file was written that takes the place of the newest of them, or stands behind it. Room for it
 * is reserved before: returns -ENOMEM, and then there is no sense in writing it. */
int store_exits_reserve(Store *store);
void store_exits_written(Store *store, const Segment *segment, bool newest_replaced);

/* Returns negative errno. */
int store_exits_drop_oldest(Store *store);

/* The segment of exit codes that starts with that number or, if there is none, a greater one. */
const Segment *store_exits_from(const Store *store, uint64_t first_seq);
