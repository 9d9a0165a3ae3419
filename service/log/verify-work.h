/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of a check of the history (log/verify.h) share.
 */

#include <systemd/sd-id128.h>

#include "log/exit-table.h"
#include "log/index-file.h"
#include "log/index-memory.h"
#include "log/reservation.h"
#include "log/segment.h"
#include "log/verify.h"

/* Ranges of numbers that are kept in mind: far more than a history that is worth it has. */
#define VERIFY_RANGES_MAX 4096

typedef struct VerifyRange {
        uint64_t first_seq, last_seq;
        uint64_t first_file; /* of a hole: the segment that it is in, by its first number */
        uint64_t offset, line;
        bool damaged; /* lines stand there that are not intact */
} VerifyRange;

typedef struct VerifyRanges {
        VerifyRange *ranges; /* owned */
        size_t n;
        bool more; /* there was no room for all */
} VerifyRanges;

struct ExitCheck;

typedef struct VerifyWork {
        const VerifyOptions *options; /* weak */
        VerifyResult result;
        int directory_fd; /* owned */
        int active_fd;    /* owned: before anything else was looked at; -1: there is none */
        uint64_t active_size;
        sd_id128_t epoch; /* null as long as no header told it */

        Segment *segments; /* owned: by first_seq, the active one last; .id is 1 if it is read */
        size_t n_segments;
        Segment *exits; /* owned: those of exit codes */
        size_t n_exits;

        Segment *filters; /* owned: files of log/key-filter.h, by their first_seq */
        size_t n_filters;

        VerifyRanges holes, lost;  /* lost: what events say is lost */
        Reservation reservation;   /* first_seq is 0 if nothing is reserved */
        bool quarantined;          /* there is something that was set aside */
        struct ExitCheck *endings; /* owned; NULL: there is no table */
        uint64_t bytes_all;        /* that are to be read */
} VerifyWork;

typedef struct VerifyPlace {
        uint64_t offset, line, seq; /* see log/finding.h */
} VerifyPlace;

/* Says it, and counts it. "place" may be NULL. */
void verify_say(VerifyWork *work, FindingLevel level, FindingKind kind, const char *file,
                const VerifyPlace *place, const char *format, ...)
        __attribute__((format(printf, 6, 7)));

/* Whether a service writes the history now: asked only where that matters. */
bool verify_is_written(const VerifyWork *work);

void verify_progress(VerifyWork *work, uint64_t bytes);

/* Keeps a range in mind, if there is room. Returns -ENOMEM. */
int verify_range_add(VerifyRanges *ranges, const VerifyRange *range);
