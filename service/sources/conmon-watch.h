/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ConmonWatch: what the files of conmon, Podman's monitor of containers, tell about the exec
 * sessions and the containers of one storage. An exec session is a folder, and conmon writes into
 * it with which code it ended; a moment later Podman removes the folder:
 *
 *         GRAPHROOT/DRIVER-containers/CONTAINER/userdata/SESSION/exec_pid
 *         GRAPHROOT/DRIVER-containers/CONTAINER/userdata/SESSION/exit/CONTAINER
 *         TMPDIR/exits/CONTAINER                                  of a container itself
 *
 * All by inotify, nothing is polled; folders that are not there yet are waited for. Who owns a
 * container's folder may put there what he likes: only full IDs are taken for names, links are not
 * followed, nothing but small files is read.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

/* What conmon writes when it does not know the code itself. */
#define CONMON_CODE_UNKNOWN (-1)

/*
 * Called while the loop runs and by conmon_watch_start() and conmon_watch_drain(), in the order in
 * which it happened. None may free the watch. Containers and sessions are full IDs: 64 hex digits.
 * All must be set.
 */
typedef struct ConmonListener {
        /*
         * The folder of an exec session is there. "birth_nsec" is CLOCK_REALTIME (of the file
         * system, which may be some milliseconds behind), 0: not known. "was_there": it was there
         * before we looked (at the start, or after inotify lost count), not made under our eyes.
         */
        void (*made)(const char *container, const char *session, uint64_t birth_nsec,
                     bool was_there, void *userdata);

        /* conmon runs it: exec_pid is there. Once for a session. */
        void (*started)(const char *container, const char *session, void *userdata);

        /*
         * Its exit file: the code, -1 to 255, and the time of the file. Once for a session. A file
         * with anything else in it is not conmon's, and not told.
         */
        void (*exited)(const char *container, const char *session, int32_t code, uint64_t time_nsec,
                       void *userdata);

        /* Its process ended, with that code or CONMON_CODE_UNKNOWN, and an exit file may or may not
         * come. Once for a session, and not behind exited(). */
        void (*process_ended)(const char *container, const char *session, int32_t code,
                              void *userdata);

        /* Its exit file was there, and gone before it was read: behind process_ended(). */
        void (*exit_missed)(const char *container, const char *session, void *userdata);

        /*
         * Its folder is gone; whether exec_pid was ever seen is the receiver's knowledge from
         * started(). Also told of a session that was never told as made, if it went while we were
         * restarted or looked for the first time.
         */
        void (*gone)(const char *container, const char *session, void *userdata);

        /*
         * A container's exit file; "oom": so is conmon's oom file. The same file may be told again
         * behind missed().
         */
        void (*container_exited)(const char *container, int32_t code, uint64_t time_nsec, bool oom,
                                 void *userdata);

        /* A container's folder is gone; its sessions were told as gone before. */
        void (*container_gone)(const char *container, void *userdata);

        /*
         * Sessions may have come and gone unseen until now: inotify lost count, or we just started
         * without a descriptor that was kept for us. Called before what came meanwhile is told;
         * what was told before is not told again, but for what is gone.
         */
        void (*missed)(void *userdata);

        /* Something cannot be watched: a sentence for the administrator. It is tried again, less
         * and less often: then missed() is called, and this again if it still fails. */
        void (*failed)(const char *sentence, void *userdata);

        void *userdata;
} ConmonListener;

typedef struct ConmonWatch ConmonWatch;

/*
 * "graphroot" and "tmp_dir" are absolute, and copied, as the listener is. "kept_fd" is what
 * conmon_watch_fd() was before a restart, or -1; it is taken in any case. Returns -EINVAL for a
 * path that is none, -ENOMEM, or what inotify says.
 */
int conmon_watch_new(sd_event *loop, const char *graphroot, const char *tmp_dir, int kept_fd,
                     const ConmonListener *listener, ConmonWatch **ret);

/* Takes NULL; returns NULL. */
ConmonWatch *conmon_watch_free(ConmonWatch *watch);

static inline void conmon_watch_freep(ConmonWatch **watch)
{
        conmon_watch_free(*watch);
}

/*
 * Tells what is there, and goes on as the loop runs. What cannot be watched is no error but told by
 * failed(). Returns what sd-event says, -ENOMEM.
 */
int conmon_watch_start(ConmonWatch *watch);

/*
 * Takes in everything that the kernel has told until now, before it returns. Called by a listener
 * it does nothing.
 */
void conmon_watch_drain(ConmonWatch *watch);

/* The inotify descriptor, for whoever keeps it over a restart: what happens meanwhile waits in it.
 * It stays the watch's own. */
int conmon_watch_fd(const ConmonWatch *watch);
