/* SPDX-License-Identifier: Apache-2.0 */
#include "log/thinning.h"

#include <string.h>

static bool is_health_status(const char *line, size_t length)
{
        const char *status;
        size_t n;

        return record_status(line, length, &status, &n) && n == sizeof(RECORD_STATUS_THINNED) - 1 &&
               memcmp(status, RECORD_STATUS_THINNED, n) == 0;
}

static RewriteVerdict judge(const char *line, size_t length, RecordHeader *counts)
{
        bool status, exec;

        if (!line)
                return REWRITE_KEEP;
        status = is_health_status(line, length);
        exec = !status && record_is_health_check_exec(line, length);
        if ((!status && !exec) || !record_is_intact(line, length))
                return REWRITE_KEEP;

        counts->n_thinned += status;
        counts->n_thinned_execs += exec;
        return REWRITE_DROP;
}

const RewriteRules thinning_rules = {
        .judge = judge,
        .needs_header = true,
};
