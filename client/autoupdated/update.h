/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One update of one unit:
 *
 *   restart --> watch --well--> updated
 *      |          |
 *      '--failed--'--> tag back --> restart --> watch --well--> rolled back
 *                        |             |          |
 *                        '-------------'--failed--'--> failed
 *
 * Each phase is in the ledger before its first act, with the moment and the place in the history
 * from which on events are about it; so whoever comes after us goes on where we ended, and hears
 * what we did not. An act may be done again: tagging twice is tagging once, and of a restart that
 * may have been done or not, the containers say which.
 */

#include "desk.h"
#include "watch.h"

typedef struct Update Update;

/* The end, once; it may be freed in it. The outcomes are with the publisher. A negative result: the
 * ledger cannot be written, or there is no memory left; it goes on after a restart of ours. */
typedef void (*UpdateHandler)(Update *u, int result, void *userdata);

/* The plan is copied. Begins from the loop. */
int update_begin(const Desk *desk, const UnitPlan *plan, const char *cursor, UpdateHandler handler,
                 void *userdata, Update **ret);

/* The one in the ledger; the record is taken. */
int update_resume(const Desk *desk, UpdateRecord *record, UpdateHandler handler, void *userdata,
                  Update **ret);

/* What is heard of containers meanwhile. */
int update_event(Update *u, const WatchEvent *e);

/* systemd can be asked again, or not any more. */
int update_units_changed(Update *u);

const char *update_get_unit(const Update *u);

Update *update_free(Update *u); /* what was begun goes on without us */
