/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is to be done with an event that Podman wrote, in the light of what else is known of exec
 * sessions (sources/podman-execs.h) and of ends of containers (sources/podman-deaths.h): it is
 * taken, perhaps with the ID of the session, or left out, because the same is or will be told.
 *
 * Of containers whose conmon nobody listens to, another user's in the journal, there are only
 * Podman's words. Then the first one about an ending counts, and what looks like the second one is
 * left out. Nor may they name a session: anybody can write to the journal, but the system only
 * vouches for who it was.
 */

#include "sources/podman-deaths.h"
#include "sources/podman-execs.h"

typedef struct PodmanVerdict {
        bool leave_out;
        const char *exec_id; /* weak, until something is known anew; NULL: as it came */
        bool not_its_own;    /* what names a session, though the user has no say in ours */
        bool oom_killed;

        /* For podman_verdict_apply(): */
        Exec *exec;
        Exec *inferred;
        NamelessEnding *ending;
        PodmanDeath *death;
} PodmanVerdict;

/* Either may be NULL: nothing is known of that. */
typedef struct PodmanKnowledge {
        PodmanExecs *execs;
        PodmanDeaths *deaths;
} PodmanKnowledge;

/*
 * An event that will be judged, of those that were there to be read when we started: told of each
 * before the first is. The sessions that came and went while we were not there are known in their
 * order; if as many starts are there to be read, it is known which is whose.
 */
void podman_foresee(const PodmanKnowledge *knowledge, const EventFields *event);

/* Judges one event, without effect. */
void podman_judge(const PodmanKnowledge *knowledge, const EventFields *event, ExecWriter writer,
                  PodmanVerdict *ret);

/* Puts into an event what the verdict knows of it; "event" is replaced if need be. Returns -ENOMEM.
 */
int podman_verdict_complete(const PodmanVerdict *verdict, Event **event);

/* The event was taken or left out, as the verdict says. Nothing may have come between. */
void podman_verdict_apply(const PodmanKnowledge *knowledge, const PodmanVerdict *verdict,
                          Event *event, ExecWriter writer);
