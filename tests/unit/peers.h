/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Two ends of a bus without a broker: a service and a client in one process, on a socket pair.
 */

#include <sys/socket.h>

#include <systemd/sd-bus.h>

#include "scratch.h"

typedef struct Peers {
        sd_bus *service, *client;
} Peers;

static inline Peers peers_new(void)
{
        Peers peers = {};
        sd_id128_t id;
        int fds[2];

        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        must(sd_id128_randomize(&id) >= 0);
        must(sd_bus_new(&peers.service) >= 0 && sd_bus_set_fd(peers.service, fds[0], fds[0]) >= 0 &&
             sd_bus_set_server(peers.service, true, id) >= 0 && sd_bus_start(peers.service) >= 0);
        must(sd_bus_new(&peers.client) >= 0 && sd_bus_set_fd(peers.client, fds[1], fds[1]) >= 0 &&
             sd_bus_start(peers.client) >= 0);
        return peers;
}

/* Until neither has anything to do. */
static inline void peers_run(Peers *peers)
{
        int a, b;

        do {
                a = sd_bus_process(peers->service, NULL);
                b = sd_bus_process(peers->client, NULL);
                must(a >= 0 && b >= 0);
        } while (a > 0 || b > 0);
}

static inline void peers_done(Peers *peers)
{
        sd_bus_close_unref(peers->client);
        sd_bus_close_unref(peers->service);
}

#define _cleanup_peers_ _cleanup_(peers_done)
