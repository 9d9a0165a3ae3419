/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "log/journal-log.h"
#include "log/journal-matches.h"

/* Entries that are looked at, and are none to give out, before others have their turn: some
 * milliseconds. */
#define LOOKED_AT_MAX 256

/* All readers share one view, for each costs a descriptor for every file of the journal. Who needs
 * it sends the one before back to remember its place. */
struct JournalReader {
        LogReader base;
        JournalLog *log; /* weak */
        JournalMatches matches;

        char *place; /* owned: a cursor of the journal; NULL: not there yet */
        bool stays;  /* the present entry was not taken yet */

        char *line; /* owned: what was given out last */
        size_t line_allocated;
};

static LogReader *journal_reader_free(LogReader *base)
{
        JournalReader *reader = (JournalReader *)base;

        if (reader->log->reader == reader)
                reader->log->reader = NULL;
        journal_matches_done(&reader->matches);
        free(reader->place);
        free(reader->line);
        free(reader);
        return NULL;
}

void journal_reader_step_back(JournalReader *reader)
{
        char *place;

        if (!reader)
                return;
        if (reader->log->reader == reader)
                reader->log->reader = NULL;
        /* Without a place it is found again by its number. */
        reader->stays = false;
        free(TAKE_PTR(reader->place));
        if (sd_journal_get_cursor(reader->log->reading.journal, &place) >= 0)
                reader->place = place;
}

/* Where to begin: right behind what was given out last, or at the oldest. */
static int find_place(JournalReader *reader)
{
        int r;

        if (reader->place || reader->base.seq == 0)
                return 0;
        r = journal_find_seq(&reader->log->reading, reader->base.seq + 1, &reader->place);
        return r < 0 ? r : 0;
}

/* Makes the view ours. */
static int step_up(JournalReader *reader)
{
        Journal *reading = &reader->log->reading;
        int r;

        if (reader->log->reader == reader)
                return 0;
        journal_reader_step_back(reader->log->reader);
        if ((r = find_place(reader)) < 0 || (r = journal_match(reading, JOURNAL_EVENTS)) < 0 ||
            (r = journal_matches_apply(&reader->matches, reading->journal)) < 0)
                return r;
        r = reader->place ? sd_journal_seek_cursor(reading->journal, reader->place)
                          : sd_journal_seek_head(reading->journal);
        if (r < 0)
                return r;

        reader->log->reader = reader;
        return 0;
}

static int keep_line(JournalReader *reader, const char *line, size_t length)
{
        if (length > reader->line_allocated) {
                char *copy = realloc(reader->line, length);

                if (!copy)
                        return -ENOMEM;
                reader->line = copy;
                reader->line_allocated = length;
        }
        memcpy(reader->line, line, length);
        return 0;
}

/* From this number on nothing is read from the journal. */
static uint64_t recent_seq(const JournalLog *log)
{
        const JournalWaiting *first = STAILQ_FIRST(&log->recent);

        return first ? first->entry->seq : log->newest_seq + 1;
}

/* The next of those that are at hand. */
static int take_recent(JournalReader *reader, const char **ret_line, size_t *ret_length)
{
        const JournalWaiting *waiting;
        int r;

        STAILQ_FOREACH(waiting, &reader->log->recent, queue)
        {
                const JournalEntry *entry = waiting->entry;

                if (entry->seq <= reader->base.seq)
                        continue;
                r = keep_line(reader, entry->record, entry->record_length);
                if (r < 0)
                        return r;
                reader->base.seq = entry->seq;
                *ret_line = reader->line;
                *ret_length = entry->record_length;
                return 1;
        }
        return 0;
}

/* Looks at the present entry. Returns 1 if it is given out, 0 if it is passed over. */
static int take_entry(JournalReader *reader, const char **ret_line, size_t *ret_length)
{
        const char *line;
        uint64_t seq;
        size_t length;
        int r;

        r = journal_record(&reader->log->reading, &line, &length);
        if (r < 0)
                return r;
        seq = r > 0 ? record_seq(line, length) : 0;
        if (seq == 0) {
                journal_log_report_damage(reader->log, reader->base.seq);
                return 0;
        }
        if (seq <= reader->base.seq)
                return 0;
        if (seq >= recent_seq(reader->log)) {
                reader->stays = true;
                return 0;
        }
        r = keep_line(reader, line, length);
        if (r < 0)
                return r;

        reader->base.seq = seq;
        *ret_line = reader->line;
        *ret_length = length;
        return 1;
}

static int journal_reader_next(LogReader *base, const char **ret_line, size_t *ret_length)
{
        JournalReader *reader = (JournalReader *)base;
        int r;

        if (base->seq >= reader->log->newest_seq)
                return 0;
        if (base->seq + 1 >= recent_seq(reader->log))
                return take_recent(reader, ret_line, ret_length);
        if ((r = journal_refresh(&reader->log->reading)) < 0 || (r = step_up(reader)) < 0)
                return r;

        for (unsigned n = 0; n < LOOKED_AT_MAX; n++) {
                if (!reader->stays) {
                        r = sd_journal_next(reader->log->reading.journal);
                        if (r < 0)
                                return r;
                        if (r == 0)
                                return take_recent(reader, ret_line, ret_length);
                }
                reader->stays = false;
                r = take_entry(reader, ret_line, ret_length);
                if (r != 0)
                        return r;
                if (reader->stays)
                        return take_recent(reader, ret_line, ret_length);
        }

        return LOG_READER_AGAIN;
}

/* The next call finds the place, by the number. */
static void journal_reader_pass(LogReader *base)
{
        JournalReader *reader = (JournalReader *)base;

        if (reader->log->reader == reader)
                reader->log->reader = NULL;
        reader->stays = false;
        free(TAKE_PTR(reader->place));
}

int journal_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret)
{
        static const LogReaderOps ops = {
                .free = journal_reader_free,
                .next = journal_reader_next,
                .pass = journal_reader_pass,
        };
        JournalReader *reader;
        int r;

        reader = calloc(1, sizeof(JournalReader));
        if (!reader)
                return -ENOMEM;
        reader->base.ops = &ops;
        reader->base.seq = question->after_seq;
        reader->log = (JournalLog *)log;
        r = journal_matches_make(question, &reader->matches);
        if (r < 0) {
                free(reader);
                return r;
        }

        *ret = &reader->base;
        return 0;
}
