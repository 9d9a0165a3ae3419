/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * EventScanner: reads a line that holds an event as engines and we write it, without building
 * anything: the keys of model/event-json.h in their order, each at most once, without white space.
 * That is what nearly every line is, and all its strings end up in one copy of it. Any other line
 * is not refused but left to event_json_read(), which knows all of JSON.
 */

#include <stddef.h>

#include "model/event-json.h"

/* All zero is an empty one. */
typedef struct EventScanner {
        char *text; /* owned: the line; its strings are unescaped and ended where they stand */
        size_t text_allocated;
        EventAttribute *attributes; /* owned */
        size_t attributes_allocated;
        EventFields fields;
} EventScanner;

/*
 * Returns 1 and the fields, until the scanner is used again: as an event would have them that is
 * made of what event_json_read() gives, but that nothing is cut. Returns 0 for a line that is left
 * to others, -ENOMEM.
 */
int event_scanner_read(EventScanner *scanner, const char *line, size_t length, EventJsonForm form,
                       const EventFields **ret);

void event_scanner_done(EventScanner *scanner);
