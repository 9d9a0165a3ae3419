/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bus: the service's face. It owns the connection, the name and everything that answers; what it
 * needs of the service it gets from its host, and nothing outside this folder sees sd-bus. A
 * connection that is of no use any more is replaced by another: publishing goes on with the first
 * event that was not written to the old one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "log/eventlog.h"
#include "sources/source.h"

/* How the service is; shown as properties. */
typedef struct ServiceState {
        uint64_t recorded;           /* events committed since the start */
        uint64_t lost;               /* "lost" events since the start */
        const char *degraded_reason; /* weak; "" while everything is as it should be */
} ServiceState;

typedef struct BusHost {
        bool user;      /* the user's bus, and not the system's */
        sd_event *loop; /* weak, and so is all the rest */
        EventLog *log;
        Source *const *sources;
        size_t n_sources;
        const ServiceState *state;
        bool health_check_execs; /* the ends of health checks' exec sessions are signalled */

        /* Appends an event and sees to its commit, of which bus_committed() tells. */
        int (*emit)(const Event *event, uint64_t *ret_seq, void *userdata);

        /*
         * Asks the sources, when they have taken in all that the kernel has told them, whether an
         * exec session runs whose ID that is, or starts so. Returns 1 with its full ID, which the
         * caller frees; 0 if none does; -ENOTUNIQ if several do, and none of them has just that ID;
         * -ENOMEM. An end that they have seen is appended to the log by then, and perhaps not
         * committed. NULL: nobody knows of what runs but the history.
         */
        int (*exec_running)(const char *id, char **ret_full_id, void *userdata);

        /* The name is ours for the first time: the service can be found. */
        void (*ready)(void *userdata);

        /* The name is not to be had, or was lost, or the bus is gone and does not come back: there
         * is no point in going on. */
        void (*failed)(void *userdata);

        void *userdata;
} BusHost;

typedef struct Bus Bus;

/*
 * Connects, and asks for the name. Returns negative errno, with a log message, if there is no bus.
 */
int bus_new(const BusHost *host, Bus **ret);

/* Takes NULL; returns NULL. */
Bus *bus_free(Bus *bus);

static inline void bus_freep(Bus **bus)
{
        bus_free(*bus);
}

/* The history was opened. */
void bus_log_opened(Bus *bus);

/* The history has more, or more waits for it that may be published, or was dropped. */
void bus_committed(Bus *bus);

void bus_degraded_changed(Bus *bus);
void bus_source_changed(Bus *bus, const Source *source);
