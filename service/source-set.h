/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * SourceSet: the sources that the configuration asks for, and what one of them may ask of the
 * others.
 */

#include "configuration.h"
#include "sources/source.h"

/* Podman's log, its entries in the journal, and conmon's files. */
#define SOURCES_MAX 3

/* All zero is an empty one. */
typedef struct SourceSet {
        Source *sources[SOURCES_MAX]; /* owned */
        size_t n;
        Source *conmon; /* weak: one of them; NULL: none */
} SourceSet;

/*
 * Makes them. One that has no place, because the configuration or the environment names none, is
 * left out with a warning. "user": of the user that we run as, else root's. Returns what the
 * sources say.
 */
int source_set_init(SourceSet *set, const Configuration *configuration, bool user, sd_event *loop,
                    const SourceSink *sink);
void source_set_done(SourceSet *set);

/* "place" tells where a source of that name stopped, or NULL. */
void source_set_start(SourceSet *set, const char *(*place)(const char *name, void *userdata),
                      void *userdata);

/* All but one; NULL: all. */
void source_set_resume(const SourceSet *set, const Source *but);

/* As conmon_running(). */
int source_set_exec_running(const SourceSet *set, const char *id, char **ret);
