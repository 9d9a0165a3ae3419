/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One page of the history: the call that asks for it, and its reply taken apart. And the place
 * where the history ends.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "event.h"

typedef struct PageRequest {
        const char *cursor;         /* ask for what comes after it; NULL: ask by time */
        uint64_t since_nsec;        /* without a cursor */
        uint64_t until_nsec;        /* 0 for no bound */
        const char *const *filters; /* NULL-terminated, or NULL for none */
        bool start_service;         /* whether the bus may start the service for this call */
} PageRequest;

int page_request(sd_bus *bus, const PageRequest *request, sd_bus_message **ret);

/* The cursor is the one right after the event, or NULL if the page's has a form that we do not
 * know. A negative result ends the reading. */
typedef int (*PageHandler)(const Event *event, const char *cursor, void *userdata);

/* Hands over the events, then gives the place behind the page, which is the message's own text, and
 * whether there is another page. -EBADMSG if this is no page. */
int page_read(sd_bus_message *reply, PageHandler handler, void *userdata, const char **ret_cursor,
              bool *ret_more);

/* The cursor behind the newest event; "" if there is no history now, then a page is refused with
 * the reason. */
int page_end_request(sd_bus *bus, sd_bus_message **ret);
int page_end_read(sd_bus_message *reply, char **ret_cursor);
