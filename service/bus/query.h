/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Queries: calls whose answer is read from the history. An answer may lie behind a million records
 * that do not match, so a query is worked on in slices, one query after the other, between
 * everything else that the loop has to do. It looks at what was committed when it was asked, and no
 * further.
 */

#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus/exit-code.h"
#include "bus/outbox.h"
#include "log/eventlog.h"
#include "model/filter.h"

/* A reply that outgrows the broker's limit (32 MiB on the system bus) costs us the connection. */
#define PAGE_EVENTS_MAX 1000
#define PAGE_SIZE_MAX   (1024 * 1024)

/* What all queries together may hold (a page and a reader's buffer each); those of one user, over
 * all connections, who must not take the place of all others; and those of all users but root, who
 * must not take root's. Of root each connection counts alone; on a user's bus that user is as root.
 */
#define QUERIES_MAX          64
#define QUERIES_OF_USER_MAX  16
#define QUERIES_OF_USERS_MAX 48

typedef struct Queries Queries;

/* The log and the outbox must outlive the queries. */
int queries_new(sd_event *loop, EventLog *log, Outbox *outbox, Queries **ret);

/* Takes NULL; returns NULL. Calls that are not answered stay so. */
Queries *queries_free(Queries *queries);

static inline void queries_freep(Queries **queries)
{
        queries_free(*queries);
}

/*
 * Each takes over the call of a user, and answers it from the loop. They return 1 as a method
 * handler does, or negative with "error" set, and then the caller answers.
 */

/* A page of events with a number greater than "after" and since <= time < until (0: no bound).
 * Takes the filter, also when it fails. */
int queries_page(Queries *queries, sd_bus_message *call, uid_t uid, uint64_t after,
                 uint64_t since_nsec, uint64_t until_nsec, Filter *filter, sd_bus_error *error);

/* How an exec session or a container ended; the host is asked what runs. */
int queries_exit_code(Queries *queries, const BusHost *host, sd_bus_message *call, uid_t uid,
                      ExitCodeKind kind, const char *id, sd_bus_error *error);

/* The history has more, or cannot be written. */
void queries_committed(Queries *queries);
