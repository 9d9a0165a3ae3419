/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Recovery: what a folder holds when the history is opened. It repairs only a torn tail of the
 * active segment, by moving it to a quarantine file; everything else that is not as it should be is
 * reported and left as it is.
 *
 * A crash can leave any prefix of the steps of a rotation (log/logfile.c): a new segment that is
 * not in place yet, or no active one. A power cut can leave a tail that was never committed: a
 * piece of a line, or blocks of anything.
 */

#include <stddef.h>
#include <stdint.h>

#include "log/segment.h"

typedef struct Recovery {
        Segment *segments; /* owned; by first_seq, the active one last */
        size_t n_segments;
        struct IndexMemory *active_index; /* owned; NULL: it has none */
        int active_fd;                    /* owned; -1: there is no active segment, make one */
        sd_id128_t epoch;
        uint64_t newest_seq;           /* the last number that was given out and is not in doubt */
        uint64_t next_seq;             /* larger, past the numbers of damaged lines of the tail */
        struct json_object *positions; /* owned: source -> place */
} Recovery;

#define RECOVERY_FAILURE_SIZE 512

/*
 * "report" may be NULL. Returns negative errno with a sentence in "failure": -EPROTONOSUPPORT for a
 * history that a newer version wrote.
 */
int recovery_run(int directory_fd, void (*report)(const char *sentence, void *userdata),
                 void *userdata, Recovery *ret, char failure[static RECOVERY_FAILURE_SIZE]);

void recovery_done(Recovery *recovery);
