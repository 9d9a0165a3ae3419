/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PathWatch: what happens to a file of a certain name, by inotify on its folder; while that does
 * not exist, on the nearest folder above it that does. Nothing is polled.
 */

#include <stdint.h>

#include <systemd/sd-event.h>

typedef enum PathChange {
        PATH_WRITTEN, /* the file has more, or less */
        PATH_MADE,    /* there may be another file, or none, under the name */
        PATH_MOVED,   /* a file was renamed to the name; also when inotify lost count */
        PATH_FAILED,  /* nothing can be watched: path_watch_start() says why */
} PathChange;

typedef struct PathWatch PathWatch;

/* "path" is absolute, and copied. Returns -EINVAL if it is not, -ENOMEM. */
int path_watch_new(sd_event *loop, const char *path,
                   void (*callback)(PathChange change, void *userdata), void *userdata,
                   PathWatch **ret);

/* Takes NULL; returns NULL. */
PathWatch *path_watch_free(PathWatch *watch);

/* Starts, or starts anew. What is there already is not told: look after this. */
int path_watch_start(PathWatch *watch);

/* How much inotify has told so far, of whatever is in the folder. */
uint64_t path_watch_count(const PathWatch *watch);
