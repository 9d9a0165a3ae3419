/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ExecBook: which exec sessions there are, by container: those that run, and those that ended a
 * while ago and may still be spoken of. It only keeps; what it means is in sources/podman-execs.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

/* So many endings without an ID are remembered of a container, to know the second word about one.
 */
#define NAMELESS_ENDINGS_MAX 16

/* Who wrote an event of the engine: of one ending there may be one of each. */
typedef enum ExecWriter {
        EXEC_WRITER_UNKNOWN,
        EXEC_WRITER_FRONT_END, /* podman exec */
        EXEC_WRITER_CLEANUP,   /* what conmon starts when the process has ended */
} ExecWriter;

typedef struct ExecContainer ExecContainer;

typedef struct Exec {
        char *id;                 /* owned: full ID */
        ExecContainer *container; /* weak */
        Event *start;             /* owned: the engine's event of its start; NULL: not heard of */

        uint64_t birth_nsec; /* when it began, or earlier */
        bool birth_is_known; /* it is just that */
        bool is_there;       /* its folder was seen since we started */
        bool was_there;      /* before we looked: the others' order does not tell when */
        bool is_foreseen;    /* its start is to be read */
        bool may_have_start; /* one that was heard may be its */
        bool holds_start;    /* that one is not given up yet, though the end is told */
        bool started;        /* conmon ran it */
        bool process_ended;
        int32_t process_code;  /* as the kernel says; less than 0: it does not */
        uint64_t process_nsec; /* when that was noticed */
        bool gone;             /* its folder is */
        bool ended;            /* with a code that conmon wrote, or */
        bool by_process;       /* that of the process, noticed at "end_nsec" or earlier */
        bool inferred;         /* with a code that follows from what Podman says */
        bool health_check;
        bool was_put_off;     /* until more is known of its container */
        uint64_t health_nsec; /* when a health check had a result that may be its; 0: never */
        bool told;            /* that it ended is given to the history, and */
        bool recorded;        /* taken by it */
        int32_t code;
        uint64_t end_nsec;
        unsigned n_words;       /* of the engine about its ending */
        uint64_t deadline_usec; /* CLOCK_MONOTONIC: when it is decided on, or forgotten; 0: none */
} Exec;

/* An ending of which the engine's word is all that there is. */
typedef struct NamelessEnding {
        uint64_t session; /* hash of the ID that it names, as Podmans before 4.3 do; 0: none */
        int32_t code;
        uint64_t time_nsec;
        ExecWriter writer;
        unsigned n_words;
} NamelessEnding;

struct ExecContainer {
        char *id; /* owned */
        uint32_t uid;
        Exec **execs; /* owned, in the order in which they were made */
        size_t n_execs;
        void *by_id; /* owned: the same, tsearch(3) */

        unsigned n_foreseen;   /* starts to be read, of sessions whose time is not known */
        unsigned n_unplaced;   /* starts that may be of any of several sessions */
        unsigned n_nameless;   /* starts of no session that we know, without an ending */
        bool has_started;      /* there was a start ever */
        uint64_t health_nsec;  /* when a health check had a result last; 0: never */
        uint64_t touched_usec; /* CLOCK_MONOTONIC */
        NamelessEnding endings[NAMELESS_ENDINGS_MAX]; /* the oldest is overwritten */
        size_t n_endings;                             /* ever */
};

/* All zero is an empty one. */
typedef struct ExecBook {
        ExecContainer **containers; /* owned, in order of uid and ID */
        size_t n_containers;
} ExecBook;

void exec_book_done(ExecBook *book);

/* NULL if there is none. */
ExecContainer *exec_book_container(const ExecBook *book, uint32_t uid, const char *id);

/* The one that is there, or a new one. Returns -ENOMEM. */
int exec_book_add_container(ExecBook *book, uint32_t uid, const char *id, ExecContainer **ret);
void exec_book_remove_container(ExecBook *book, ExecContainer *container);

/* NULL if there is none. */
Exec *exec_container_exec(const ExecContainer *container, const char *id);

/* The one that is there, or a new one. Returns -ENOMEM. */
int exec_container_add(ExecContainer *container, const char *id, Exec **ret);
void exec_container_remove(Exec *exec);
