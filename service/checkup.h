/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Checkup: the daemon's program in another role, which checks the history instead of writing it
 * (log/verify.h), and prints what it finds.
 */

#include <stdbool.h>

typedef struct CheckupOptions {
        bool user;
        bool repair;
        bool json;               /* an object a line */
        const char *config_file; /* NULL: the default */
        const char *directory;   /* NULL: what the configuration says */
} CheckupOptions;

typedef enum CheckupStatus {
        CHECKUP_GOOD = 0,
        CHECKUP_PROBLEMS = 1,
        CHECKUP_FAILED = 2, /* it could not be checked */
} CheckupStatus;

CheckupStatus checkup_run(const CheckupOptions *options);
