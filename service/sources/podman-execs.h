/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanExecs: brings together what conmon and Podman tell of the same exec session, so that its
 * ending is told once, with its ID and its code.
 *
 * conmon's exit file has both and comes first: it counts, and Podman's words about the same ending
 * (up to two, without an ID) are left out (sources/podman-verdict.h). A file that nobody could read
 * in the moment that it was there leaves the session without a code, unless its process was
 * followed and the kernel says it, or Podman's word can only be about this one.
 *
 * What this rests on: Podman starts the sessions of a container one after the other, under its
 * lock: it makes the folder, lets conmon start, and writes "exec" before the next one's folder is
 * made. An exit file is there before Podman writes "exec_died", and the folder goes after that. A
 * start that fails takes its folder away again, and nothing is written. A health check is a session
 * of which no "exec" is written; "health_status" tells its result.
 */

#include "sources/exec-book.h"

/* Podman says of one ending so often at most that it was. */
#define EXEC_WORDS_MAX 2

/* After so long nothing more is heard about an ending: the journal delivers in milliseconds, and
 * what Podman writes about a session it writes before the folder goes. */
#define EXEC_SETTLE_USEC UINT64_C(2000000)

/* The folder is gone: what Podman writes about the session is written, and read when we look or, at
 * the latest, when journald says so. Not later, so that it is told before the service is restarted
 * again. */
#define EXEC_GONE_USEC UINT64_C(300000)

/* A process has ended, and conmon, which may wait for its turn on a busy host, writes its file. */
#define EXEC_EXIT_FILE_USEC UINT64_C(10000000)

/* How long an ending is remembered, so that Podman's last word about it is known for what it is. A
 * cleanup has to wait for the container's lock. */
#define EXEC_REMEMBER_USEC UINT64_C(60000000)

typedef struct PodmanExecs PodmanExecs;

typedef struct PodmanExecsHost {
        /* Takes in all that conmon's files have told until now. */
        void (*drain)(void *userdata);

        /* Takes an event for the history, with a reference to it; the session is recorded when
         * podman_execs_recorded() says so. Returns negative errno: it is told again later. */
        int (*tell)(Event *event, Exec *exec, void *userdata);

        /* The last event that has the container's name, image and labels. Returns 1, 0 if none is
         * in the history, or negative errno. */
        int (*recall)(const char *container, Event **ret, void *userdata);

        /* Whether the history has the ending of that session. */
        bool (*is_recorded)(const char *exec, void *userdata);

        /* There is something to wait for: podman_execs_expire() tells until when. */
        void (*deadline)(void *userdata);

        void *userdata;
} PodmanExecsHost;

/* Of the Podman of that user. The host is copied. Returns -ENOMEM. */
int podman_execs_new(uint32_t uid, const PodmanExecsHost *host, PodmanExecs **ret);

/* Takes NULL; returns NULL. */
PodmanExecs *podman_execs_free(PodmanExecs *execs);

static inline void podman_execs_freep(PodmanExecs **execs)
{
        podman_execs_free(*execs);
}

/* ---- at the start ---- */

/* What the history has of exec sessions, in its order: their starts and ends since
 * podman_execs_since(). "since_nsec" is what that was. */
void podman_execs_remember(PodmanExecs *execs, const EventFields *event);
void podman_execs_set_since(PodmanExecs *execs, uint64_t since_nsec);

/* All that is there was told: what was running and is not there has ended meanwhile. */
void podman_execs_begin(PodmanExecs *execs);

/* ---- what conmon's files tell ---- */

void podman_execs_made(PodmanExecs *execs, const char *container, const char *id,
                       uint64_t birth_nsec, bool was_there);
void podman_execs_started(PodmanExecs *execs, const char *container, const char *id);
void podman_execs_exited(PodmanExecs *execs, const char *container, const char *id, int32_t code,
                         uint64_t time_nsec);
/* With that code, or less than 0. */
void podman_execs_process_ended(PodmanExecs *execs, const char *container, const char *id,
                                int32_t code);
void podman_execs_exit_missed(PodmanExecs *execs, const char *container, const char *id);
void podman_execs_gone(PodmanExecs *execs, const char *container, const char *id);

/* Sessions may have come and gone unseen. */
void podman_execs_missed(PodmanExecs *execs);

/* The container has ended: its sessions have, or will in a moment. */
void podman_execs_container_ended(PodmanExecs *execs, const char *container);

/* ---- decisions ---- */

/* Decides on what waited long enough, at that time (CLOCK_MONOTONIC), and forgets what is old.
 * Returns the next such time, or UINT64_MAX. */
uint64_t podman_execs_expire(PodmanExecs *execs, uint64_t now_usec);

/* The history has the ending that was told. */
void podman_execs_recorded(PodmanExecs *execs, Exec *exec);

/* Nothing that is still to be told began earlier, and nothing that Podman may still speak of ended
 * earlier; CLOCK_REALTIME. */
uint64_t podman_execs_since(const PodmanExecs *execs);

/*
 * Whether a session of which that is the ID, or its start, has not ended, as far as the history
 * knows. Returns 1 and its full ID, which the caller owns; 0; -ENOTUNIQ if there are several;
 * -ENOMEM.
 */
int podman_execs_running(const PodmanExecs *execs, const char *id, char **ret);

/* ---- for sources/podman-verdict.c ---- */

ExecBook *podman_execs_book(PodmanExecs *execs);
uint32_t podman_execs_uid(const PodmanExecs *execs);
void podman_execs_drain(PodmanExecs *execs);

/* Whether sessions may have come and gone unseen since that one began. */
bool podman_execs_missed_since(const PodmanExecs *execs, const Exec *exec);

/* The same, for sessions that were there before that time. */
bool podman_execs_missed_between(const PodmanExecs *execs, const Exec *exec, uint64_t until_nsec);

/* The engine's event of its start was taken. */
void podman_execs_heard(PodmanExecs *execs, Exec *exec, Event *start);

/* A start was taken that may be its, or another's: no health check's, in any case. */
void podman_execs_offered(PodmanExecs *execs, Exec *exec);

/* It ended with a code that follows from what the engine says; less than 0: nobody knows which. */
void podman_execs_inferred(PodmanExecs *execs, Exec *exec, int32_t code, uint64_t time_nsec);

/* Remembers the container for a while longer. */
void podman_execs_touch(PodmanExecs *execs, ExecContainer *container);
