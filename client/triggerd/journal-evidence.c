/* SPDX-License-Identifier: Apache-2.0 */
#include "journal-evidence.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-journal.h>

#include "cleanup.h"

/* An entry's own time is when journald got round to it. When it was sent stands in a field, and is
 * earlier, by no more than this. */
#define DELAY_USEC UINT64_C(30000000)

static void journal_closep(sd_journal **j)
{
        if (*j)
                sd_journal_close(*j);
}

static int add_match(sd_journal *j, const char *field, const char *value)
{
        _cleanup_free_ char *match = NULL;
        int length = asprintf(&match, "%s=%s", field, value);

        return length < 0 ? -ENOMEM : sd_journal_add_match(j, match, (size_t)length);
}

/* The value of a field of the entry, or "" if it has none; cut short if it is longer. */
static void get_field(sd_journal *j, const char *field, char *buffer, size_t size)
{
        const void *data;
        size_t length, skip = strlen(field) + 1;

        buffer[0] = '\0';
        if (sd_journal_get_data(j, field, &data, &length) < 0 || length < skip)
                return;
        length -= skip;
        if (length >= size)
                length = size - 1;
        memcpy(buffer, (const char *)data + skip, length);
        buffer[length] = '\0';
}

static uint64_t entry_usec(sd_journal *j)
{
        char digits[32];
        uint64_t usec = 0;

        get_field(j, "_SOURCE_REALTIME_TIMESTAMP", digits, sizeof(digits));
        if (digits[0] != '\0')
                return strtoull(digits, NULL, 10);
        return sd_journal_get_realtime_usec(j, &usec) < 0 ? 0 : usec;
}

/* A job of ours, or a run that was not there when we asked for it. */
static bool tells_of_a_start(sd_journal *j, const Intent *intent)
{
        char type[32], text[SD_ID128_STRING_MAX];
        sd_id128_t invocation;

        if (entry_usec(j) < intent->usec)
                return false;
        get_field(j, "JOB_TYPE", type, sizeof(type));
        if (strcmp(type, "start") == 0)
                return true;
        get_field(j, "INVOCATION_ID", text, sizeof(text));
        return sd_id128_from_string(text, &invocation) >= 0 &&
               !sd_id128_equal(invocation, intent->before);
}

int journal_has_start(const char *unit, const Intent *intent)
{
        _cleanup_(journal_closep) sd_journal *j = NULL;
        int r;

        r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = add_match(j, "_PID", "1");
        if (r >= 0)
                r = add_match(j, "UNIT", unit);
        /* From the end: the youngest are the likeliest, and no start may lie far back. */
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        while (r >= 0) {
                uint64_t usec;

                r = sd_journal_previous(j);
                if (r <= 0)
                        return r;
                if (tells_of_a_start(j, intent))
                        return 1;
                r = sd_journal_get_realtime_usec(j, &usec);
                if (r >= 0 && usec + DELAY_USEC < intent->usec)
                        return 0;
        }
        return r;
}
