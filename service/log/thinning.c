/* SPDX-License-Identifier: Apache-2.0 */
#include "log/thinning.h"

#include <string.h>

static RewriteVerdict judge(const char *line, size_t length, RecordHeader *counts)
{
        const char *status;
        size_t n;

        if (!line || !record_status(line, length, &status, &n) ||
            n != sizeof(RECORD_STATUS_THINNED) - 1 ||
            memcmp(status, RECORD_STATUS_THINNED, n) != 0 || !record_is_intact(line, length))
                return REWRITE_KEEP;

        counts->n_thinned++;
        return REWRITE_DROP;
}

const RewriteRules thinning_rules = {
        .judge = judge,
        .needs_header = true,
};
