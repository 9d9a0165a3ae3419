/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Podman, asked by running it, one question at a time and beside the loop. All answers come from
 * the loop, once; a question that is not answered in time, or with too much, fails with a sentence.
 */

#include <systemd/sd-event.h>

#include "containers.h"
#include "images.h"
#include "inspection.h"

typedef struct Engine Engine;

/* podman: found by PATH, or a path. */
int engine_new(sd_event *loop, const char *podman, Engine **ret);
Engine *engine_free(Engine *e); /* a question under way is given up */

/* What was asked last went wrong: a sentence without a period. Borrowed. */
const char *engine_problem(const Engine *e);

/* Which containers run, and which names give which images; both borrowed. */
typedef void (*EngineListHandler)(Engine *e, int result, const Containers *containers,
                                  const Images *images, void *userdata);
int engine_list(Engine *e, EngineListHandler handler, void *userdata);

/* Those of the containers that there are. */
typedef void (*EngineInspectHandler)(Engine *e, int result, const Inspection *inspection,
                                     void *userdata);
int engine_inspect(Engine *e, const char *const ids[], size_t n, EngineInspectHandler handler,
                   void *userdata);

/* Gives a name another image. */
typedef void (*EngineTagHandler)(Engine *e, int result, void *userdata);
int engine_tag(Engine *e, const char *id, const char *name, EngineTagHandler handler,
               void *userdata);

static inline void engine_freep(Engine **e)
{
        engine_free(*e);
}
