/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanFrontEnds: which "podman exec" waits for which exec session. It writes that the session
 * began, and that it ended, and journald says of both which process that was. So where conmon's
 * file was missed, and of several sessions, the ending is known for whose it is.
 *
 * A front end has one session, and says that it began before it says anything else: whoever has
 * the PID of one that is gone is found out by that. (Podman's service, which has many, is none.)
 */

#include <stdint.h>

#include "sources/podman-cmdline.h"

/* Of more that wait at the same time, those that began last. */
#define PODMAN_FRONT_ENDS_MAX 64

typedef struct PodmanFrontEnd {
        uint32_t pid; /* 0: none */
        char container[PODMAN_ID_SIZE];
        char session[PODMAN_ID_SIZE];
} PodmanFrontEnd;

/* All zero is an empty one. */
typedef struct PodmanFrontEnds {
        PodmanFrontEnd ring[PODMAN_FRONT_ENDS_MAX];
        unsigned next;
} PodmanFrontEnds;

/* A process wrote that a session began; NULL: it is no front end, or not known which session. */
void podman_front_ends_began(PodmanFrontEnds *ends, uint32_t pid, const char *container,
                             const char *session);

/* The session that a front end waits for; NULL if it is not known. */
const char *podman_front_ends_session(const PodmanFrontEnds *ends, uint32_t pid,
                                      const char *container);
