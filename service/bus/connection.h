/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Connection: one connection to the bus and the name on it, as long as it is of use.
 *
 * dbus-daemon counts what each connection sent and somebody has not read yet. Past 127 MiB
 * (max_incoming_bytes) it reads nothing more from that connection, so one subscriber who stops
 * reading stops every signal and every reply of ours, for as long as he pleases. A new connection
 * begins a new account; and since what waits for him is at its own limit then, dbus-daemon drops
 * what it would add, and he stops nobody any more. So while something that we sent is not read the
 * broker is asked for a sign of life, and a connection on which none comes is given up.
 *
 * dbus-daemon does not even look at a connection that it does not read from: it does not see that
 * one was closed, and the name stays there. It finds out when it has something to write to it.
 * Hence whoever finds the name taken asks its owner whether it lives.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

typedef enum ConnectionNews {
        CONNECTION_QUEUED, /* the next in line for the name: who had it before us may go */
        CONNECTION_NAMED,  /* the name is ours */
        CONNECTION_TAKEN,  /* the name is another's */
        CONNECTION_LOST,   /* the bus closed it, or does not read from it: another one may do */
} ConnectionNews;

typedef struct Connection Connection;

/* It is told from the loop, and may not free the connection there and then. */
typedef void (*connection_handler_t)(ConnectionNews news, void *userdata);

/* Connects. Returns negative errno if there is no bus. */
int connection_new(bool user, sd_event *loop, connection_handler_t handler, void *userdata,
                   Connection **ret);

/* Takes NULL; returns NULL. What waits to be written is not waited for. */
Connection *connection_free(Connection *connection);

static inline void connection_freep(Connection **connection)
{
        connection_free(*connection);
}

/* For objects; they must be there before connection_start(). */
sd_bus *connection_bus(const Connection *connection);

/* Asks for the name, and takes part in the loop. */
int connection_start(Connection *connection);

/* Tells nothing more, and takes no calls; but the name stays on it while it is not freed. */
void connection_retire(Connection *connection);

/* Writes what waits, as long as the bus reads and no longer than a service that ends may take. */
void connection_flush(Connection *connection);
