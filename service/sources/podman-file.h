/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanFile: what stands under the name of Podman's log: the file that is open, and whether it
 * still is the one of that name. A file that was replaced stays open until it was read to its end.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/line-reader.h"
#include "sources/path-watch.h"
#include "sources/podman-place.h"

typedef struct PodmanFile {
        char *path;        /* owned */
        PathWatch *watch;  /* owned */
        int fd;            /* owned; -1: none is open */
        uint32_t uid;      /* of its owner, when it was opened: whose Podman writes it */
        LineReader reader; /* of fd */
        bool at_end;       /* all that the file had at the last look was read */

        /* Since the file was opened, as far as inotify has told: */
        PathChange change; /* the gravest */
        unsigned n_moved;  /* how often another file got the name */
        uint64_t n_told;   /* how much it had told at the last look */
        unsigned n_quiet;  /* turns in which it told nothing */

        /* The file before: */
        bool was_drained; /* it was read to its end: what it had is not lost */
        bool kept_some;   /* and a rotation of it keeps something */
} PodmanFile;

/* "path" is copied; "callback" and "userdata" are for the watch. Returns -EINVAL if the path is not
 * that of a file, -ENOMEM. */
int podman_file_init(PodmanFile *file, sd_event *loop, const char *path,
                     void (*callback)(PathChange change, void *userdata), void *userdata);

/* Takes one whose initialisation failed. */
void podman_file_done(PodmanFile *file);

/* Opens what the name stands for. Returns 0 if there is nothing, and 1 if there is a file. */
int podman_file_open(PodmanFile *file);
void podman_file_close(PodmanFile *file);

/* The place in the file that was just opened is known: it is read from there, and watched anew. */
void podman_file_begin(PodmanFile *file, uint64_t offset);

/* What the watch told. */
void podman_file_note(PodmanFile *file, PathChange change);

/* Whether the name stands for another file, or none; asked only if inotify said that it may. */
int podman_file_is_replaced(const PodmanFile *file);

/* Whether inotify has told of every time that the name was moved, so that n_moved is right. */
bool podman_file_is_told(PodmanFile *file);

/* Whether the file lost what was read of it: it was truncated, and perhaps written anew. */
int podman_file_is_truncated(const PodmanFile *file, const PodmanPlace *place);

/* The file was replaced and read to its end: closes it. */
void podman_file_leave(PodmanFile *file);

/* All that inotify told of was looked at, and the file is the same. */
void podman_file_settle(PodmanFile *file);
