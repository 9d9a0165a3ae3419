/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanDeaths: how containers ended, by the exit files that conmon leaves for Podman. Podman's own
 * event "died" tells it, with all that belongs to it; the file backs it up: when no such event
 * comes, because nobody was left to write it, the ending is told all the same.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

/* The cleanup that writes "died" is started when the file is there, and waits for the container's
 * lock: on a busy host for seconds. */
#define DEATH_SETTLE_USEC UINT64_C(10000000)

/* How long what was told is remembered, for a "died" that comes after all. */
#define DEATH_REMEMBER_USEC UINT64_C(600000000)

/* Containers end in thousands when a host is shut down; what is more is left to Podman. */
#define DEATHS_MAX 16384

typedef struct PodmanDeaths PodmanDeaths;

typedef struct PodmanDeath {
        char *container; /* owned */
        int32_t code;
        uint64_t time_nsec;
        bool oom_killed;
        bool heard;             /* Podman said it */
        bool told;              /* it did not */
        uint64_t deadline_usec; /* CLOCK_MONOTONIC */
} PodmanDeath;

typedef struct PodmanDeathsHost {
        /* As in sources/podman-execs.h. */
        void (*drain)(void *userdata);
        int (*tell)(Event *event, void *userdata);
        int (*recall)(const char *container, Event **ret, void *userdata);
        void (*deadline)(void *userdata);

        /* Whether the history has that the container died then, or later. */
        bool (*is_recorded)(const char *container, uint64_t since_nsec, void *userdata);

        void *userdata;
} PodmanDeathsHost;

/* Of the Podman of that user. The host is copied. Returns -ENOMEM. */
int podman_deaths_new(uint32_t uid, const PodmanDeathsHost *host, PodmanDeaths **ret);

/* Takes NULL; returns NULL. */
PodmanDeaths *podman_deaths_free(PodmanDeaths *deaths);

static inline void podman_deaths_freep(PodmanDeaths **deaths)
{
        podman_deaths_free(*deaths);
}

uint32_t podman_deaths_uid(const PodmanDeaths *deaths);
void podman_deaths_drain(PodmanDeaths *deaths);

/* conmon's file. */
void podman_deaths_exited(PodmanDeaths *deaths, const char *container, int32_t code,
                          uint64_t time_nsec, bool oom_killed);

/* What the file said of that ending of the container, which Podman tells of at that time; NULL if
 * it is not known, and "heard" if Podman did so before. */
PodmanDeath *podman_deaths_find(PodmanDeaths *deaths, const char *container, int32_t code,
                                uint64_t time_nsec);

/* Tells what waited long enough, at that time (CLOCK_MONOTONIC), and forgets what is old. Returns
 * the next such time, or UINT64_MAX. */
uint64_t podman_deaths_expire(PodmanDeaths *deaths, uint64_t now_usec);
