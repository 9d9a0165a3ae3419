/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cursor_split(const char *cursor, char **ret_epoch, uint64_t *ret_seq)
{
        const char *colon = strrchr(cursor, ':');
        uint64_t seq = 0;

        if (!colon || colon == cursor || !colon[1])
                return -EINVAL;

        for (const char *p = colon + 1; *p; p++) {
                if (*p < '0' || *p > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(seq, 10, &seq) ||
                    __builtin_add_overflow(seq, (uint64_t)(*p - '0'), &seq))
                        return -EINVAL;
        }

        char *epoch = strndup(cursor, (size_t)(colon - cursor));
        if (!epoch)
                return -ENOMEM;

        *ret_epoch = epoch;
        *ret_seq = seq;
        return 0;
}

int cursor_format(const char *epoch, uint64_t seq, char **ret)
{
        char *cursor;

        if (asprintf(&cursor, "%s:%" PRIu64, epoch, seq) < 0)
                return -ENOMEM;

        *ret = cursor;
        return 0;
}
