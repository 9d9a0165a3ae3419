/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What has to survive us, in one file of JSON that is replaced as a whole: the update that is under
 * way, images that failed, when each unit was restarted, what was told, and what is still to be
 * published. A change counts once ledger_save() has returned.
 */

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "plan.h"

typedef struct Ledger Ledger;

/* Makes or reads FOLDER/state.json. One that cannot be read as such is set aside, as
 * state.json.broken, which *ret_broken says; what it said is forgotten. -EWOULDBLOCK: another
 * process has it open. */
int ledger_open(const char *folder, Ledger **ret, bool *ret_broken);
Ledger *ledger_free(Ledger *l);

/* To the disk, if anything has changed. */
int ledger_save(Ledger *l);

/* ---- the update under way ---- */

typedef enum UpdatePhase {
        PHASE_RESTART,      /* it is restarted, or about to be */
        PHASE_WATCH,        /* it was, and is watched */
        PHASE_BACK_TAG,     /* the old images get their names back */
        PHASE_BACK_RESTART, /* and it is restarted with them */
        PHASE_BACK_WATCH,   /* and watched */
} UpdatePhase;

typedef struct UpdateRecord {
        UnitPlan plan; /* owned */
        UpdatePhase phase;
        uint64_t since_nsec; /* when the restart was asked for, of CLOCK_REALTIME */
        char *cursor;        /* owned; events behind it are those since the update began */
        char *error;         /* owned; why it is rolled back; NULL: it is not */
} UpdateRecord;

void update_record_done(UpdateRecord *u);

int ledger_set_update(Ledger *l, const UpdateRecord *update);
void ledger_clear_update(Ledger *l);

/* -ENODATA: none is under way. */
int ledger_get_update(const Ledger *l, UpdateRecord *ret);

/* ---- images that failed ---- */

/* For that unit the image failed; the good one was put back. It is not tried again, nor is the
 * other taken for an update of it, until the name gives a third. */
int ledger_refuse(Ledger *l, const char *unit, const char *name, const char *bad, const char *good);
bool ledger_refuses(const Ledger *l, const char *unit, const char *name, const char *old_image,
                    const char *new_image);

/* ---- restarts ---- */

/* Of CLOCK_REALTIME; 0: not known. Those of longer ago than keep_usec are forgotten. */
int ledger_set_restarted(Ledger *l, const char *unit, uint64_t now_usec, uint64_t keep_usec);
uint64_t ledger_get_restarted(const Ledger *l, const char *unit);

/* ---- what was told ---- */

/* Whether that was said already of the container and the image: then it is not said again. */
bool ledger_was_told(const Ledger *l, const char *container_id, const char *new_image,
                     const char *what);
int ledger_set_told(Ledger *l, const char *container_id, const char *new_image, const char *what);

/* ---- what is to be published ---- */

int ledger_push(Ledger *l, json_object *outcome); /* takes a reference of its own */
json_object *ledger_first(const Ledger *l);       /* borrowed; NULL: nothing is left */
void ledger_pop(Ledger *l);

static inline void ledger_freep(Ledger **l)
{
        ledger_free(*l);
}
