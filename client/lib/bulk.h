/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The history in bulk: the call of Stream, and the pipe that it gives, read line by line as they
 * come. Whatever goes wrong with the pipe ends it, no matter why: who reads on by pages from there
 * misses nothing, and is told what is wrong.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "event.h"

typedef struct BulkRequest {
        const char *cursor; /* after which to start */
        uint64_t since_nsec;
        uint64_t until_nsec;
        const char *const *filters; /* NULL-terminated, or NULL for none */
} BulkRequest;

int bulk_request(sd_bus *bus, const BulkRequest *request, sd_bus_message **ret);

typedef struct Bulk Bulk;

/* A negative result of the first three ends the reading, and is end()'s. All may free the Bulk. */
typedef struct BulkHandler {
        /* Whether lines are wanted as they are, and events need not be made of them. */
        bool raw;

        int (*event)(const Event *event, void *userdata);
        int (*line)(const char *line, size_t length, uint64_t seq, void *userdata); /* with "\n" */

        /* Now and then: a lot was handed over since the last time. */
        int (*pause)(void *userdata);

        /* The pipe has ended. */
        void (*end)(int result, void *userdata);
} BulkHandler;

/* Takes the pipe out of the reply. The handler must outlive the object. */
int bulk_new(sd_event *loop, sd_bus_message *reply, const BulkHandler *handler, void *userdata,
             Bulk **ret);
Bulk *bulk_free(Bulk *b);
