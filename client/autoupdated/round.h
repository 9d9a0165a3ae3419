/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One look at all that runs: which units are to be updated, and which of them is the first that may
 * be now. The others are pending: published once, and looked at again when their time has come. One
 * unit is updated at a time, so an image that is no good stops one unit, and has lost its name
 * before a second one gets it.
 */

#include "desk.h"
#include "fleet.h"

typedef struct Round Round;

typedef struct RoundResult {
        const UnitPlan *next; /* borrowed: to be updated now; NULL: nothing is */
        uint64_t again_usec; /* of CLOCK_REALTIME: when one that is pending may be; or UINT64_MAX */
} RoundResult;

/* The end, once; the round may be freed in it. A negative result: Podman cannot be asked, which was
 * said, or the ledger cannot be written. */
typedef void (*RoundHandler)(Round *round, int result, const RoundResult *found, void *userdata);

/* The fleet is borrowed: it is told what runs. */
int round_begin(const Desk *desk, Fleet *fleet, RoundHandler handler, void *userdata, Round **ret);
Round *round_free(Round *round);
