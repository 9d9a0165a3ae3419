/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events as lines of JSON: those of the history's own files, and those of Podman's log.
 *
 * A line of the history has Podman's keys, then Seq, Engine, ExecID, UID, Synthetic, Reason,
 * Truncated, Backlog, Extra (an object with what the engine adds), Position, and last CRC: CRC-32
 * of RFC 1952 over the bytes before ,"CRC" as 8 hex digits. A line of Podman has neither Seq nor
 * Engine. What "cevctl --json" prints is taken, too, Unrecorded or not.
 */

#include <stddef.h>
#include <stdio.h>

#include "event.h"

/* No line of a history is longer. */
#define EVENT_LINE_MAX (1024 * 1024)

typedef struct EventLines EventLines;

int event_lines_new(EventLines **ret);
EventLines *event_lines_free(EventLines *lines);

/*
 * Reads a line, without its "\n". Returns 1 for an event, which keeps no reference to the line; 0
 * for what is none and must not be, as the first line of a segment and what Podman writes when it
 * rotates its log; -EBADMSG for what is neither; -EILSEQ if its checksum says that it was changed.
 */
int event_lines_read(EventLines *lines, const char *line, size_t length, Event *ret);

/* Whether the line ends in a checksum that fits; true if it has none. */
bool event_line_is_intact(const char *line, size_t length);

/* The number in a line of the history, without reading the rest; 0 if there is none. */
uint64_t event_line_seq(const char *line, size_t length);

/* Writes the event as a line of the history, with its "\n". */
int event_line_print(FILE *f, const Event *e);

static inline void event_lines_freep(EventLines **lines)
{
        event_lines_free(*lines);
}
