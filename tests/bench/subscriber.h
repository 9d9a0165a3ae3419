/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Subscriber: hears the signals of the service, or those of the peer, which have the same shape,
 * and reads of each what every subscriber would.
 */

#include "service.h"

/* Nothing heard for so long means that nothing comes any more. */
#define SILENCE_USEC UINT64_C(20000000)

typedef struct Subscriber {
        sd_bus *bus;
        uint64_t n;
        uint64_t n_gaps;     /* numbers that do not follow the one before */
        uint64_t seq;        /* of the last one */
        uint64_t time_nsec;  /* what the last one says that its time is */
        uint64_t heard_nsec; /* when its handler ran */
} Subscriber;

static inline int subscriber_on_signal(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        Subscriber *subscriber = userdata;
        const char *type, *status, *id, *name, *image, *engine;
        uint64_t seq;

        subscriber->heard_nsec = now_nsec();
        try(sd_bus_message_read(signal, "sssssstt", &type, &status, &id, &name, &image, &engine,
                                &subscriber->time_nsec, &seq),
            "a signal");
        subscriber->n_gaps += subscriber->n > 0 && seq != subscriber->seq + 1;
        subscriber->seq = seq;
        subscriber->n++;
        return 0;
}

/* Returns when the broker has the match. */
static inline void subscriber_listen(Subscriber *subscriber, bool to_service)
{
        *subscriber = (Subscriber){ .bus = bus_open() };
        try(sd_bus_match_signal(subscriber->bus, NULL, to_service ? CE_BUS_NAME : PEER_NAME,
                                CE_OBJECT_PATH, to_service ? CE_INTERFACE : PEER_INTERFACE,
                                CE_SIGNAL_EVENT_EMITTED, subscriber_on_signal, subscriber),
            "a match");
}

static inline void subscriber_wait(Subscriber *subscriber, uint64_t n)
{
        while (subscriber->n < n) {
                if (try(sd_bus_process(subscriber->bus, NULL), "the bus") > 0)
                        continue;
                if (try(sd_bus_wait(subscriber->bus, SILENCE_USEC), "the bus") == 0)
                        die("only %" PRIu64 " of %" PRIu64 " signals came", subscriber->n, n);
        }
}
