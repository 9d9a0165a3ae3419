/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events that the service gave, taken apart so that they can be marshalled again: what that and a
 * broker cost is the least that an answer, or a signal, can cost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#define EVENT_STRINGS 6

typedef struct Detail {
        const char *key;
        char type; /* of D-Bus; 'a' for a{ss} */
        union {
                const char *string;
                uint64_t number; /* x and t */
                uint32_t word;   /* b, i and u */
                double real;
        };
        const char **pairs; /* owned: key, value, ..., NULL */
} Detail;

typedef struct PreparedEvent {
        const char *strings[EVENT_STRINGS]; /* these, and those of details, lie in a message */
        uint64_t time_nsec, seq;
        Detail *details; /* owned */
        size_t n_details;
} PreparedEvent;

typedef struct Prepared {
        PreparedEvent *events; /* owned */
        size_t n, allocated;
        sd_bus_message **replies; /* owned: what the strings lie in */
        size_t n_replies;
} Prepared;

/* Asks for the events of a time range, as far as "most" of them. */
void prepared_fetch(Prepared *prepared, sd_bus *bus, uint64_t since_nsec, uint64_t until_nsec,
                    size_t most);
void prepared_done(Prepared *prepared);

/* The contents of an event: the arguments of a signal, or the members of a struct. */
void prepared_append(sd_bus_message *message, const PreparedEvent *event);
