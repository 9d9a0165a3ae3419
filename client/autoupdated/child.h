/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A program that is run for what it prints: without a shell, beside the loop, within a time, and
 * with so much output at most. Freeing it kills it, with all that it started.
 */

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

typedef struct Child Child;

/* The end, once; the child may be freed in it. The texts end with a NUL that is not counted, and
 * are borrowed. Results: 0: it ran, and "status" is its exit status, or 128 + the signal that ended
 * it; -ETIMEDOUT: it did not end in time; -EFBIG: it printed too much. */
typedef void (*ChildHandler)(Child *c, int result, int status, const char *output, size_t length,
                             const char *complaint, void *userdata);

/* argv[0] is found by PATH. SIGCHLD must be blocked. Returns -ENOENT or another error if it cannot
 * be started. */
int child_start(sd_event *loop, const char *const argv[], uint64_t timeout_usec, size_t output_max,
                ChildHandler handler, void *userdata, Child **ret);
Child *child_free(Child *c);

static inline void child_freep(Child **c)
{
        child_free(*c);
}
