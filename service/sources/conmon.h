/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The source for what conmon, Podman's monitor of containers, leaves in files when an exec session
 * or a container has ended: what it tells is read by sources/conmon-watch.h, and brought together
 * with Podman's own events by sources/podman-execs.h and podman-deaths.h.
 */

#include "sources/podman-verdict.h"
#include "sources/source.h"

/* For whoever keeps conmon_fd(). */
#define CONMON_FD_NAME "conmon"

typedef struct ConmonOptions {
        const char *graphroot; /* of Podman's storage */
        const char *tmp_dir;   /* Podman's */
        uint32_t uid;          /* whose Podman it is */
        int kept_fd;           /* of the service that was here before (conmon_fd()), taken; or -1 */
} ConmonOptions;

/* The source has the name "conmon". Returns -EINVAL if a path is not absolute, -ENOMEM. */
int conmon_new(const ConmonOptions *options, sd_event *loop, const SourceSink *sink, Source **ret);

/* What is known, for the sources of Podman's own events; it lives as long as the source. */
const PodmanKnowledge *conmon_knowledge(const Source *source);

/* As podman_execs_running(), when all that conmon's files have told was taken in. */
int conmon_running(Source *source, const char *id, char **ret);

/* What it listens with; to be kept for the next start of the service. It stays the source's. */
int conmon_fd(const Source *source);
