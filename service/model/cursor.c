/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

int cursor_parse(const char *text, Cursor *ret)
{
        char epoch[SD_ID128_STRING_MAX];
        Cursor cursor;

        if (strnlen(text, CURSOR_SIZE) >= CURSOR_SIZE || strcspn(text, ":") != sizeof(epoch) - 1 ||
            text[sizeof(epoch) - 1] != ':')
                return -EINVAL;

        memcpy(epoch, text, sizeof(epoch) - 1);
        epoch[sizeof(epoch) - 1] = '\0';
        if (sd_id128_from_string(epoch, &cursor.epoch) < 0 ||
            parse_u64(text + sizeof(epoch), &cursor.seq) < 0)
                return -EINVAL;

        *ret = cursor;
        return 0;
}

void cursor_format(const Cursor *cursor, char text[static CURSOR_SIZE])
{
        snprintf(text, CURSOR_SIZE, SD_ID128_FORMAT_STR ":%" PRIu64,
                 SD_ID128_FORMAT_VAL(cursor->epoch), cursor->seq);
}
