/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is lost when Podman replaces its log faster than we read it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

/*
 * Whether a rotation of the file, as it is, keeps anything: Podman copies what follows the first
 * end of a line in the newer half.
 */
bool podman_rotation_keeps_some(int fd, uint64_t size);

/* How a file came to stand in the place of another in which we knew our place, and does not hold
 * it. */
typedef struct PodmanChange {
        bool drained;     /* the file before was read to its end */
        bool kept_some;   /* and a rotation of it kept something */
        unsigned n_moved; /* how often another file got the name since */
        bool had_place;   /* we ever took an event */
        bool same_boot;   /* in this boot */
        bool was_rotated; /* this file says that it was rotated */
} PodmanChange;

/*
 * Whether there can be events between the two. When the file before was followed to its end, only
 * another rotation in between can have taken events with it: the name was moved, and what had been
 * kept is not there, or, when nothing had been kept, it was moved twice. Podman's log does not
 * outlive a boot, so that a new one says nothing. The first file that we see starts at the
 * beginning, unless it was rotated already.
 */
bool podman_is_loss(const PodmanChange *change);

/* Whether Podman has rotated the log, and so dropped some of it, ever before. */
bool podman_log_was_rotated(int fd);

typedef struct PodmanLoss {
        const char *name; /* of what lost something */
        const char *reason;
        bool has_uid; /* only that user's events are */
        uint32_t uid;
        uint64_t since_nsec, until_nsec; /* CLOCK_REALTIME */
} PodmanLoss;

/* The event "lost" for the stretch between two times. Returns -ENOMEM. */
int podman_loss_make(const PodmanLoss *loss, Event **ret);

/*
 * The event "lost" for the stretch between the last event that was read, at "since_nsec", and the
 * first one in the file "fd" that "path" stands for now, and "uid" owns. Returns -ENOMEM.
 */
int podman_loss_new(const char *path, int fd, uint32_t uid, uint64_t since_nsec, Event **ret);
