/* SPDX-License-Identifier: Apache-2.0 */
#include "complaint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

#define INTERVAL_USEC UINT64_C(60000000)

static const char *advice(int result)
{
        switch (-result) {
        case ENOENT:
                return " Make the unit, or name another one in Unit=.";
        case ERFKILL:
                return " Unmask the unit, or mask the trigger.";
        case EACCES:
                return " It takes polkit, and its rule 50-containers-events-triggerd.rules; a trigger "
                       "that everybody may read; and the unit's own name, not an alias.";
        case EPERM:
                return " Take RefuseManualStart= out of the unit.";
        default:
                return "";
        }
}

void complaint_make(Complaint *c, uint64_t now_usec, const char *trigger, const char *unit,
                    int result, const char *sentence)
{
        char unsaid[64] = "";

        if (c->result == result && now_usec >= c->usec && now_usec - c->usec < INTERVAL_USEC) {
                c->n_unsaid++;
                return;
        }
        if (c->n_unsaid > 0)
                snprintf(unsaid, sizeof(unsaid),
                         " (%" PRIu64 " others were not, since the last time.)", c->n_unsaid);
        *c = (Complaint){ .result = result, .usec = now_usec };
        if (*sentence == '\0')
                sentence = strerror(-result);
        report_error("Trigger %s: %s is not started: %s%s%s%s", trigger, unit, sentence,
                     report_period(sentence), advice(result), unsaid);
}
