/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Source: our listener for an engine. It turns what the engine tells into events, each once, and
 * hands them to its sink together with the position from which it would go on. The history keeps
 * the positions; a source gets its own back when it is started and has no other memory.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "model/event.h"

/* One sentence for LastError. */
#define SOURCE_ERROR_SIZE 512

typedef enum SourceState {
        SOURCE_CONNECTING, /* starting */
        SOURCE_SYNCING,    /* catching up */
        SOURCE_LIVE,
        SOURCE_GAP,    /* something was just found lost */
        SOURCE_ABSENT, /* the engine has nothing to listen to yet */
        SOURCE_FAILED, /* last_error says why; it goes on trying */
        SOURCE_STATE_MAX,
} SourceState;

const char *source_state_to_string(SourceState state);

typedef struct Source Source;

typedef struct SourceSink {
        /*
         * Takes the event into the history ("position" as in log/record.h). A negative result means
         * that it was not taken: the source stops there, and goes on with the same event when it is
         * resumed.
         */
        int (*event)(Source *source, const Event *event, const char *position, void *userdata);

        /*
         * Reads what is committed of the history: events of no earlier time that match all terms of
         * a filter, in order, until "each" returns something else than 0. Returns negative errno,
         * also what "each" returns; -EINVAL for terms that cannot be.
         */
        int (*recall)(const char *const *terms, uint64_t since_nsec,
                      int (*each)(const EventFields *fields, void *userdata), void *each_userdata,
                      void *userdata);

        /* Other sources of the engine may have something to read by now, that they are only told of
         * later. */
        void (*look)(Source *source, void *userdata);

        /* State or last_error changed. */
        void (*changed)(Source *source, void *userdata);

        void *userdata;
} SourceSink;

typedef struct SourceOps {
        /* "place" is where it stopped, or NULL if it never ran. Returns negative errno only if it
         * can never work; what may come right is a state. */
        int (*start)(Source *source, const char *place);
        /* The history takes events again, or there may be some. */
        void (*resume)(Source *source);
        Source *(*free)(Source *source);
} SourceOps;

/* What all sources have; each kind embeds it as its first member. */
struct Source {
        const SourceOps *ops;
        const char *name; /* unique, a word; also the first word of its positions */
        const char *type; /* the engine's name in its events */
        const char *api;  /* how we listen */
        const char *version;
        char *id; /* owned: which of the engines of its type */
        uint32_t pid;

        SourceState state;
        char last_error[SOURCE_ERROR_SIZE];
        uint64_t received, duplicates, lost; /* since the start */

        sd_event *loop; /* weak */
        SourceSink sink;
};

/* Sets the state and tells the sink if it is another one. */
void source_set_state(Source *source, SourceState state);

/* Sets last_error, tells the sink, and logs it as a warning. */
__attribute__((format(printf, 2, 3))) void source_set_error(Source *source, const char *format,
                                                            ...);

static inline void source_freep(Source **source)
{
        if (*source)
                (*source)->ops->free(*source);
}
