/* SPDX-License-Identifier: Apache-2.0 */
#include "notice.h"

#include <stdio.h>

#include "escape.h"

void notice_print(FollowNotice notice, const char *text)
{
        static const char *const sentences[] = {
                [FOLLOW_EXPIRED] =
                        "Part of the history is gone; going on from the oldest event kept.",
                [FOLLOW_ABSENT] = "containers-eventsd has left the bus; waiting for it.",
                [FOLLOW_BACK] = "containers-eventsd is back; nothing it has recorded is missing.",
                [FOLLOW_TROUBLE] = "containers-eventsd cannot read its history; trying again.",
        };

        fprintf(stderr, "cevctl: %s", sentences[notice]);
        if (*text) {
                fputs(" (", stderr);
                escape_print(stderr, text);
                fputc(')', stderr);
        }
        fputc('\n', stderr);
}
