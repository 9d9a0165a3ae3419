/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Verify: reads a whole history and says what of it is not as it was written: each file of the
 * folder, each line, its checksum, event and number, each index, the table of exit codes and the
 * reserved numbers. It changes nothing and takes no lock, so that it works beside a service that
 * goes on writing; what may be in flight then is no problem.
 *
 * With "repair" it holds the folder and mends what it finds (log/mend.h), a file at a time, each in
 * one step that a crash cannot halve: nothing is deleted, but set aside.
 *
 * Memory does not grow with the history, but with the index of its largest segment, a tenth of it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "log/finding.h"

typedef struct VerifyOptions {
        const char *directory;
        bool repair;

        /* The finding lives as long as the call. */
        void (*report)(const Finding *finding, void *userdata);

        /* How much of all bytes was read; now and then. May be NULL. */
        void (*progress)(uint64_t done, uint64_t all, void *userdata);
        void *userdata;
} VerifyOptions;

typedef struct VerifyResult {
        uint64_t n_files; /* that were looked into */
        uint64_t n_lines;
        uint64_t n_events;
        uint64_t n_bytes; /* of segments */
        uint64_t n_problems, n_notes, n_repairs;
        uint64_t n_unexplained; /* numbers that are missing, and nothing says why */
} VerifyResult;

#define VERIFY_FAILURE_SIZE 512

/*
 * Returns 0 when all was looked at, whatever was found; or negative errno with a sentence in
 * "failure": -EBUSY if it is to be repaired and another process writes it.
 */
int verify_run(const VerifyOptions *options, VerifyResult *ret,
               char failure[static VERIFY_FAILURE_SIZE]);
