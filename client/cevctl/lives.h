/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What containers lived through, from their events: when each was up, paused or unhealthy, and how
 * it ended. Pure: no bus, no terminal.
 *
 * Events may come in any order of time. Of what lies before the range only the state in which each
 * container enters it is kept, so memory grows with what happened in the range: 16 bytes a change.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

typedef enum LifeState {
        LIFE_NONE, /* does not exist, as far as we know */
        LIFE_STOPPED,
        LIFE_UP,
        LIFE_PAUSED,
        LIFE_UNHEALTHY, /* up, and its health check fails */
} LifeState;

typedef enum LifeMark {
        LIFE_DIED,          /* the code says how */
        LIFE_RESTARTED,     /* started again after it had died */
        LIFE_STARTED_TWICE, /* started while it was up: nobody told of its death */
} LifeMark;

/* Codes of a death besides 0 to 255. */
#define LIFE_CODE_UNKNOWN (-1)
#define LIFE_CODE_OOM     (-2) /* killed for want of memory, whatever its code was */

typedef struct Life Life;
typedef struct Lives Lives;

/* What lies before since_nsec is told by the state at that time only. With by_name, containers that
 * had the same name one after another are one life. */
int lives_new(uint64_t since_nsec, bool by_name, Lives **ret);
Lives *lives_free(Lives *l);

/* Takes the event if it tells something about a container's life. */
int lives_add(Lives *l, const Event *e);

/* The statuses that lives_add() has a use for; NULL-terminated. */
extern const char *const lives_statuses[];

/* The least time of any event that was taken; false if there was none. */
bool lives_least_time(const Lives *l, uint64_t *ret);

/* Those that had an event in [since, until), or were up or paused for some of it, sorted by their
 * first start. The array is the caller's, NULL-terminated; the lives are not. */
int lives_list(Lives *l, uint64_t since_nsec, uint64_t until_nsec, const Life ***ret,
               size_t *ret_n);

/* As it is called now: a name, or the ID where there is none. */
const char *life_name(const Life *life);
const char *life_id(const Life *life);

/* Calls back in order of time; a span ends where the next begins. The last one ends at end_nsec,
 * and nothing later is told. Spans of LIFE_NONE are not. */
typedef struct LifeVisitor {
        void (*span)(LifeState state, uint64_t from_nsec, uint64_t to_nsec, void *userdata);
        void (*mark)(LifeMark mark, int code, uint64_t time_nsec, void *userdata);
} LifeVisitor;

void life_visit(const Life *life, uint64_t end_nsec, const LifeVisitor *visitor, void *userdata);

static inline void lives_freep(Lives **l)
{
        lives_free(*l);
}
