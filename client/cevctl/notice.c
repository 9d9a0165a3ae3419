/* SPDX-License-Identifier: Apache-2.0 */
#include "notice.h"

#include <stdio.h>

#include "escape.h"

void notice_print(cev_notice notice, const char *text)
{
        static const char *const sentences[] = {
                [CEV_NOTICE_EXPIRED] =
                        "Part of the history is gone; going on from the oldest event kept.",
                [CEV_NOTICE_ABSENT] = "containers-eventsd has left the bus; waiting for it.",
                [CEV_NOTICE_BACK] =
                        "containers-eventsd is back; nothing it has recorded is missing.",
                [CEV_NOTICE_TROUBLE] = "containers-eventsd cannot read its history; trying again.",
        };

        fprintf(stderr, "cevctl: %s", sentences[notice]);
        if (*text) {
                fputs(" (", stderr);
                escape_print(stderr, text);
                fputc(')', stderr);
        }
        fputc('\n', stderr);
}
