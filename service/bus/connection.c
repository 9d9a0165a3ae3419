/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/sockios.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "names.h"

/* How long something may lie unread before the broker is asked whether it reads: it takes some
 * microseconds when all is well, so hardly ever is one asked. */
#define PROBE_DELAY_USEC UINT64_C(500000)

/* How long it may take to answer, and how often it may fail to: a broker under load answers in
 * milliseconds, and one that is slow moves on meanwhile. All together stays far below the 25 s that
 * callers wait for an answer. */
#define PROBE_TIMEOUT_USEC UINT64_C(1500000)
#define PROBES_MAX         2

/* How long the owner of the name may take to show that it lives: as long as the bus gives it to
 * start. */
#define OWNER_TIMEOUT_USEC UINT64_C(10000000)

/* What the kernel may hold that the broker has not read. sd-bus makes room for 8 MiB; what is in
 * there when a connection is given up is published to nobody, and this is some hundred signals. */
#define SEND_BUFFER_SIZE (128 * 1024)

/* How long what waits at the end may take: systemd's patience is 90 s, users have less. */
#define FLUSH_MSEC 1000

struct Connection {
        sd_bus *bus;                  /* owned */
        sd_event *loop;               /* weak */
        connection_handler_t handler; /* NULL: nobody wants to know any more */
        void *userdata;

        sd_bus_slot *lost, *closed; /* owned: the matches */
        sd_bus_slot *call;          /* owned: for the name, or to its owner */
        bool asked_owner;

        sd_event_source *post;  /* owned: looks whether something is unread */
        sd_event_source *delay; /* owned: until the first probe */
        sd_bus_slot *probe;     /* owned */
        bool probing;           /* from when something was unread until there was an answer */
        unsigned n_missed;      /* probes in a row */
        uint64_t first_queued;  /* sd-bus's number of the first message that waited then */
};

static void tell(Connection *connection, ConnectionNews news)
{
        if (connection->handler)
                connection->handler(news, connection->userdata);
}

/* A call that was under way when the connection was closed failed with it. */
static bool is_closed(const Connection *connection)
{
        return sd_bus_is_open(connection->bus) <= 0;
}

/* ---- the name ---- */

static void tell_taken(Connection *connection)
{
        log_error("The name %s is taken: another containers-eventsd runs on this bus.",
                  CE_BUS_NAME);
        tell(connection, CONNECTION_TAKEN);
}

static int request_name(Connection *connection);

/* It answered, or is gone: then the name is ours, or somebody else was faster. */
static int on_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Connection *connection = userdata;

        connection->call = sd_bus_slot_unref(connection->call);
        if (is_closed(connection))
                return 1;
        if (!sd_bus_message_is_method_error(reply, NULL) || request_name(connection) < 0)
                tell_taken(connection);
        return 1;
}

static int ask_owner(Connection *connection)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *ping = NULL;
        int r;

        connection->asked_owner = true;
        r = sd_bus_message_new_method_call(connection->bus, &ping, CE_BUS_NAME, CE_OBJECT_PATH,
                                           "org.freedesktop.DBus.Peer", "Ping");
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(ping, false);
        if (r < 0)
                return r;
        return sd_bus_call_async(connection->bus, &connection->call, ping, on_owner, connection,
                                 OWNER_TIMEOUT_USEC);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        enum {
                PRIMARY_OWNER = 1,
                IN_QUEUE = 2,
                ALREADY_OWNER = 4,
        };
        Connection *connection = userdata;
        uint32_t result = 0;

        connection->call = sd_bus_slot_unref(connection->call);
        if (is_closed(connection))
                return 1;
        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_error("The bus does not give us the name %s: %s", CE_BUS_NAME,
                          sd_bus_message_get_error(reply)->message);
                tell(connection, CONNECTION_TAKEN);
                return 1;
        }

        (void)sd_bus_message_read(reply, "u", &result);
        if (result == PRIMARY_OWNER || result == ALREADY_OWNER) {
                tell(connection, CONNECTION_NAMED);
                return 1;
        }
        if (result == IN_QUEUE && !connection->asked_owner) {
                tell(connection, CONNECTION_QUEUED);
                if (ask_owner(connection) >= 0)
                        return 1;
        }
        tell_taken(connection);
        return 1;
}

static int request_name(Connection *connection)
{
        return sd_bus_request_name_async(connection->bus, &connection->call, CE_BUS_NAME,
                                         SD_BUS_NAME_QUEUE, on_name, connection);
}

static int on_name_lost(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        Connection *connection = userdata;
        const char *name, *sender = sd_bus_message_get_sender(signal);

        /* Anybody can send us a signal of that name. */
        if (!sender || strcmp(sender, "org.freedesktop.DBus") != 0)
                return 0;
        if (sd_bus_message_read(signal, "s", &name) < 0 || strcmp(name, CE_BUS_NAME) != 0)
                return 0;

        log_error("The name %s was taken from us.", CE_BUS_NAME);
        tell(connection, CONNECTION_TAKEN);
        return 0;
}

static int on_closed(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        log_error("The connection to the bus was closed.");
        tell(userdata, CONNECTION_LOST);
        return 0;
}

/* ---- whether the broker reads ---- */

/* Whether something that we sent is not read: it waits in sd-bus, or in the socket. */
static bool is_unread(Connection *connection)
{
        uint64_t n_queued = 0;
        int n_bytes = 0;

        if (sd_bus_get_n_queued_write(connection->bus, &n_queued) < 0)
                return false;
        return n_queued > 0 ||
               (ioctl(sd_bus_get_fd(connection->bus), SIOCOUTQ, &n_bytes) == 0 && n_bytes > 0);
}

static int on_post(sd_event_source *source, void *userdata)
{
        Connection *connection = userdata;

        if (connection->probing || !is_unread(connection) ||
            sd_event_source_set_time_relative(connection->delay, PROBE_DELAY_USEC) < 0)
                return 0;

        connection->probing = true;
        sd_event_source_set_enabled(connection->delay, SD_EVENT_ONESHOT);
        return 0;
}

static int send_probe(Connection *connection);

static int on_probe(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Connection *connection = userdata;
        int r;

        connection->probe = sd_bus_slot_unref(connection->probe);
        if (is_closed(connection))
                return 1;
        /* sd-bus says so when the time is over; when all was read it only seems to be, for we were
         * late ourselves. */
        if (!sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) ||
            !is_unread(connection)) {
                connection->probing = false;
                return 1;
        }

        r = send_probe(connection);
        connection->n_missed = r > 0 ? 0 : connection->n_missed + 1;
        if (r >= 0 && connection->n_missed < PROBES_MAX)
                return 1;
        log_warning("The bus does not read what we send: somebody leaves too much of it unread.");
        tell(connection, CONNECTION_LOST);
        return 1;
}

/* Returns 1 if what waited in sd-bus has moved on since the last one: a slow broker does read. */
static int send_probe(Connection *connection)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *ping = NULL;
        uint64_t cookie, n_queued, first;
        bool moved;
        int r;

        if ((r = sd_bus_message_new_method_call(connection->bus, &ping, "org.freedesktop.DBus",
                                                "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus.Peer", "Ping")) < 0 ||
            (r = sd_bus_call_async(connection->bus, &connection->probe, ping, on_probe, connection,
                                   PROBE_TIMEOUT_USEC)) < 0 ||
            (r = sd_bus_message_get_cookie(ping, &cookie)) < 0 ||
            (r = sd_bus_get_n_queued_write(connection->bus, &n_queued)) < 0)
                return r;

        /* Cookies are numbers without a hole. With nothing in sd-bus all is in the socket, and that
         * is read at once, or not. */
        first = cookie + 1 - n_queued;
        moved = n_queued > 0 && first > connection->first_queued;
        connection->first_queued = first;
        return moved;
}

static int on_delay(sd_event_source *source, uint64_t usec, void *userdata)
{
        Connection *connection = userdata;

        connection->n_missed = 0;
        if (!is_unread(connection) || send_probe(connection) < 0)
                connection->probing = false;
        return 0;
}

/* ---- life ---- */

int connection_new(bool user, sd_event *loop, connection_handler_t handler, void *userdata,
                   Connection **ret)
{
        _cleanup_(connection_freep) Connection *connection = NULL;
        const int size = SEND_BUFFER_SIZE;
        int fd, r;

        connection = calloc(1, sizeof(Connection));
        if (!connection)
                return -ENOMEM;
        connection->loop = loop;
        connection->handler = handler;
        connection->userdata = userdata;
        r = user ? sd_bus_open_user(&connection->bus) : sd_bus_open_system(&connection->bus);
        if (r < 0)
                return r;
        /* That would wait without end for a broker that does not read. */
        r = sd_bus_set_close_on_exit(connection->bus, false);
        if (r < 0)
                return r;

        fd = sd_bus_get_fd(connection->bus);
        if (fd < 0)
                return fd;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
                return -errno;

        *ret = TAKE_PTR(connection);
        return 0;
}

sd_bus *connection_bus(const Connection *connection)
{
        return connection->bus;
}

static int watch(Connection *connection)
{
        int r;

        if ((r = sd_event_add_post(connection->loop, &connection->post, on_post, connection)) < 0 ||
            (r = sd_event_add_time_relative(connection->loop, &connection->delay, CLOCK_MONOTONIC,
                                            PROBE_DELAY_USEC, 0, on_delay, connection)) < 0)
                return r;
        return sd_event_source_set_enabled(connection->delay, SD_EVENT_OFF);
}

int connection_start(Connection *connection)
{
        int r;

        r = sd_bus_match_signal_async(connection->bus, &connection->lost, "org.freedesktop.DBus",
                                      "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameLost",
                                      on_name_lost, NULL, connection);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(
                connection->bus, &connection->closed, "org.freedesktop.DBus.Local", NULL,
                "org.freedesktop.DBus.Local", "Disconnected", on_closed, NULL, connection);
        if (r < 0)
                return r;
        r = request_name(connection);
        if (r < 0)
                return r;
        r = watch(connection);
        if (r < 0)
                return r;
        return sd_bus_attach_event(connection->bus, connection->loop, SD_EVENT_PRIORITY_NORMAL);
}

void connection_retire(Connection *connection)
{
        connection->handler = NULL;
        connection->post = sd_event_source_disable_unref(connection->post);
        connection->delay = sd_event_source_disable_unref(connection->delay);
        sd_bus_detach_event(connection->bus);
}

static int64_t now_msec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void connection_flush(Connection *connection)
{
        int64_t end = now_msec() + FLUSH_MSEC, left;
        uint64_t n_queued = 0;

        connection->handler = NULL;
        while ((left = end - now_msec()) > 0 &&
               sd_bus_get_n_queued_write(connection->bus, &n_queued) >= 0 && n_queued > 0) {
                struct pollfd pollfd = { .fd = sd_bus_get_fd(connection->bus), .events = POLLOUT };

                /* It writes before it does anything else. */
                if (poll(&pollfd, 1, (int)left) > 0 && sd_bus_process(connection->bus, NULL) < 0)
                        return;
        }
}

Connection *connection_free(Connection *connection)
{
        if (!connection)
                return NULL;

        sd_event_source_disable_unref(connection->post);
        sd_event_source_disable_unref(connection->delay);
        sd_bus_slot_unref(connection->probe);
        sd_bus_slot_unref(connection->call);
        sd_bus_slot_unref(connection->lost);
        sd_bus_slot_unref(connection->closed);
        sd_bus_close_unref(connection->bus);
        free(connection);
        return NULL;
}
