/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Streams: pipes through which readers get the records of the history, as lines of JSON, at their
 * own pace. The log is the buffer: what a reader has not taken yet is read from there when its pipe
 * has room, so one who stops costs descriptors and what a pipe holds. Work is done in slices, one
 * stream after the other, between everything else that the loop has to do.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus/question.h"
#include "log/eventlog.h"

/* A stream holds up to three descriptors (the pipe, the segment, a run of it), of the 1,024 that a
 * process may have, and commits need some too; and all pipes together stay below what a user may
 * have (base/pipe-writer.h). */
#define STREAMS_MAX 192

/* Nobody takes the place of all others. */
#define STREAMS_OF_USER_MAX 32

typedef struct Streams Streams;

/* The log must outlive the streams. */
int streams_new(sd_event *loop, EventLog *log, Streams **ret);

/* Takes NULL; returns NULL. All streams end. */
Streams *streams_free(Streams *streams);

static inline void streams_freep(Streams **streams)
{
        streams_free(*streams);
}

/*
 * Answers the call with the reading end of a pipe, and writes what is asked for to the other end:
 * up to what is committed now, or with "follow" until the reader closes it. Takes what is in the
 * question, also when it fails. Returns as a method handler does.
 */
int streams_add(Streams *streams, sd_bus_message *call, uid_t uid, Question *question, bool follow,
                sd_bus_error *error);

/* The history has more. */
void streams_committed(Streams *streams);
