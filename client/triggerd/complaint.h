/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is said when systemd does not start a trigger's unit: why, and what to do about it. Of one
 * trigger not more often than once a minute, unless the reason is another one.
 */

#include <stdint.h>

typedef struct Complaint {
        int result;        /* of the last that was said, or 0 */
        uint64_t usec;     /* when */
        uint64_t n_unsaid; /* since then */
} Complaint;

void complaint_make(Complaint *c, uint64_t now_usec, const char *trigger, const char *unit,
                    int result, const char *sentence);
