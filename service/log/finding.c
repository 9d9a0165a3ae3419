/* SPDX-License-Identifier: Apache-2.0 */
#include "log/finding.h"

const char *finding_kind_word(FindingKind kind)
{
        static const char *const words[FINDING_N_KINDS] = {
                [FINDING_FOREIGN] = "foreign",
                [FINDING_LEFTOVER] = "leftover",
                [FINDING_QUARANTINE] = "quarantine",
                [FINDING_ACCESS] = "access",
                [FINDING_UNREADABLE] = "unreadable",
                [FINDING_HEADER] = "header",
                [FINDING_FORMAT] = "format",
                [FINDING_LINE] = "line",
                [FINDING_RECORD] = "record",
                [FINDING_ORDER] = "order",
                [FINDING_TAIL] = "tail",
                [FINDING_HOLE] = "hole",
                [FINDING_INDEX] = "index",
                [FINDING_EXITS] = "exits",
                [FINDING_RESERVATION] = "reservation",
        };

        return words[kind];
}

const char *finding_level_word(FindingLevel level)
{
        return level == FINDING_PROBLEM ? "problem" : level == FINDING_REPAIR ? "repair" : "note";
}
