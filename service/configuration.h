/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Configuration: eventsd.conf and its drop-ins, as one checked struct. Nothing in it can keep the
 * service from running: an unknown key is a warning, a bad value keeps the default and is a problem
 * that the service shows.
 */

#include <stdbool.h>
#include <stdint.h>

#include "log/eventlog.h"

typedef struct Configuration {
        LogBackend backend;    /* what keeps the history */
        char *directory;       /* owned: of the history */
        uint64_t segment_size; /* bytes */
        uint64_t max_size;     /* bytes */
        uint64_t max_age_nsec; /* 0: no limit */

        /* What is to stay free of the disk: bytes, or a part of it. */
        uint64_t keep_free;
        unsigned keep_free_percent;

        bool podman_enabled;
        bool podman_journal;            /* listen to those that log to the journal, too */
        bool podman_health_check_execs; /* are signalled */
        char *podman_events_log;        /* owned; NULL: found out by sources/podman-config.h */
        char *podman_graph_root;        /* owned; NULL: found out by sources/podman-storage.h */
        char *podman_tmp_dir;           /* owned; NULL: found out by sources/podman-config.h */

        char *problem; /* owned: the first, in a sentence; NULL: none */
} Configuration;

/*
 * "file" is NULL for the default: CONFIG_DIR/eventsd.conf, for a user's service
 * $XDG_CONFIG_HOME/containers-events/eventsd.conf. Drop-ins are in the folder FILE.d. Returns
 * -ENOMEM, or -ENXIO if a user's service has no home.
 */
int configuration_load(const char *file, bool user, Configuration *ret);

void configuration_done(Configuration *configuration);
