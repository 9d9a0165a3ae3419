/* SPDX-License-Identifier: Apache-2.0 */
#include "log/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/journal-entry.h"
#include "names.h"

/* Our entries are in the journal of the system, or of our user, if that has one. */
#define OPEN_FLAGS (SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM | SD_JOURNAL_CURRENT_USER)

int journal_open(const char *history, Journal *ret)
{
        Journal journal = {};
        int r;

        snprintf(journal.user, sizeof(journal.user), "_UID=%lu", (unsigned long)geteuid());
        if (asprintf(&journal.history, CE_JOURNAL_HISTORY "=%s", history) < 0)
                return -ENOMEM;
        r = sd_journal_open(&journal.journal, OPEN_FLAGS);
        if (r >= 0) /* a record is to be had whole, however long */
                r = sd_journal_set_data_threshold(journal.journal, 0);
        if (r >= 0) /* from here on it hears of new files */
                r = sd_journal_get_fd(journal.journal);
        if (r < 0) {
                journal_close(&journal);
                return r;
        }

        *ret = journal;
        return 0;
}

void journal_close(Journal *journal)
{
        sd_journal_close(journal->journal);
        free(journal->history);
        *journal = (Journal){};
}

int journal_match(Journal *journal, JournalKind kinds)
{
        int r;

        sd_journal_flush_matches(journal->journal);
        if ((r = sd_journal_add_match(journal->journal, journal->history, 0)) < 0 ||
            (r = sd_journal_add_match(journal->journal, journal->user, 0)) < 0)
                return r;
        if (kinds & JOURNAL_EVENTS) {
                r = sd_journal_add_match(journal->journal, "MESSAGE_ID=" CE_MESSAGE_EVENT, 0);
                if (r < 0)
                        return r;
        }
        if (kinds & JOURNAL_MARKS) {
                r = sd_journal_add_match(journal->journal, "MESSAGE_ID=" CE_MESSAGE_MARK, 0);
                if (r < 0)
                        return r;
        }
        return sd_journal_add_conjunction(journal->journal);
}

int journal_refresh(Journal *journal)
{
        int r;

        r = sd_journal_process(journal->journal);
        return r < 0 ? r : r == SD_JOURNAL_INVALIDATE;
}

int journal_field(Journal *journal, const char *name, const char **ret, size_t *ret_length)
{
        size_t length, name_length = strlen(name) + 1; /* "=" */
        const void *data;
        int r;

        r = sd_journal_get_data(journal->journal, name, &data, &length);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || length < name_length)
                return 0;

        *ret = (const char *)data + name_length;
        *ret_length = length - name_length;
        return 1;
}

static int field_is(Journal *journal, const char *match)
{
        char name[64];
        const char *value = strchr(match, '=') + 1, *text;
        size_t length;
        int r;

        snprintf(name, sizeof(name), "%.*s", (int)(value - match - 1), match);
        r = journal_field(journal, name, &text, &length);
        return r <= 0 ? r : length == strlen(value) && memcmp(text, value, length) == 0;
}

int journal_is_ours(Journal *journal)
{
        int r;

        r = field_is(journal, journal->user);
        return r <= 0 ? r : field_is(journal, journal->history);
}

int journal_record(Journal *journal, const char **ret, size_t *ret_length)
{
        const char *line;
        size_t length;
        int r;

        r = journal_field(journal, CE_JOURNAL_RECORD, &line, &length);
        if (r <= 0)
                return r;
        if (!record_is_intact(line, length))
                return 0;

        *ret = line;
        *ret_length = length;
        return 1;
}

int journal_find_seq(Journal *journal, uint64_t seq, char **ret)
{
        char match[sizeof(CE_JOURNAL_SEQ) + 24];
        int r;

        snprintf(match, sizeof(match), CE_JOURNAL_SEQ "=%" PRIu64, seq);
        if ((r = journal_match(journal, JOURNAL_EVENTS)) < 0 ||
            (r = sd_journal_add_match(journal->journal, match, 0)) < 0 ||
            (r = sd_journal_seek_head(journal->journal)) < 0 ||
            (r = sd_journal_next(journal->journal)) <= 0)
                return r;

        r = sd_journal_get_cursor(journal->journal, ret);
        return r < 0 ? r : 1;
}
