/* SPDX-License-Identifier: Apache-2.0 */
#include "log/exits.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/log-reader.h"
#include "log/logfile.h"
#include "log/record-parser.h"

/* Records that are looked at in one step: a millisecond or two. */
#define RECORDS_PER_STEP 500

/* A table that has to grow is made again if it has so many times as many endings as can be kept: it
 * will be less than half full then, and not soon again too full. */
#define GONE_FACTOR 2

struct Exits {
        EventLog *log;    /* weak */
        ExitTable *table; /* owned; NULL: it cannot be had */
        Filter *filter;   /* owned: of what ends */
        RecordParser parser;
        LogReader *reader; /* owned: behind what is in the table; NULL: that is all there is */
        uint64_t oldest;   /* in the history, when the reader was made */
        uint64_t seq;      /* all endings up to here are in the table */
        uint64_t segment;  /* ID of the one that the seq is in */
};

static int open_file(Exits *exits)
{
        return exit_table_open(logfile_directory_fd(exits->log), eventlog_epoch(exits->log),
                               &exits->table);
}

static int open_table(Exits *exits)
{
        int r;

        r = open_file(exits);
        if (r >= 0 && exit_table_synced_seq(exits->table) > eventlog_newest_seq(exits->log)) {
                /* It is ahead of the log, which has lost its end: what it tells may be gone. */
                exits->table = exit_table_free(exits->table);
                unlinkat(logfile_directory_fd(exits->log), EXIT_TABLE_NAME, 0);
                r = open_file(exits);
        }
        if (r < 0)
                return r;

        exits->seq = exit_table_synced_seq(exits->table);
        exits->reader = log_reader_free(exits->reader);
        return 0;
}

/* It is damaged, or cannot be written: it is made again, once. */
static void give_up(Exits *exits, int error)
{
        exits->table = exit_table_free(exits->table);
        if (error != -EBADMSG)
                return;
        unlinkat(logfile_directory_fd(exits->log), EXIT_TABLE_NAME, 0);
        if (open_table(exits) < 0)
                exits->table = exit_table_free(exits->table);
}

/* Whether it would grow for endings that are not kept any more. */
static bool is_mostly_gone(const Exits *exits)
{
        return exit_table_must_grow(exits->table) && !exit_table_is_growing(exits->table) &&
               exit_table_n_entries(exits->table) / GONE_FACTOR >
                       logfile_total_size(exits->log) / RECORD_SIZE_MIN;
}

static int make_again(Exits *exits)
{
        exits->table = exit_table_free(exits->table);
        unlinkat(logfile_directory_fd(exits->log), EXIT_TABLE_NAME, 0);
        return open_table(exits);
}

int exits_new(EventLog *log, Exits **ret)
{
        static const char *const terms[] = { "type=container", "event=exec_died", "event=died",
                                             "event=remove", NULL };
        _cleanup_(exits_freep) Exits *exits = NULL;
        char message[FILTER_MESSAGE_SIZE];
        int r;

        exits = calloc(1, sizeof(Exits));
        if (!exits)
                return -ENOMEM;
        exits->log = log;
        r = filter_new(terms, &exits->filter, message);
        if (r < 0)
                return r;
        r = open_table(exits);
        if (r == -ENOMEM)
                return r;

        *ret = TAKE_PTR(exits);
        return 0;
}

Exits *exits_free(Exits *exits)
{
        if (!exits)
                return NULL;

        if (exits->table && exits->seq > exit_table_synced_seq(exits->table))
                (void)exit_table_sync(exits->table, exits->seq);
        exit_table_free(exits->table);
        record_parser_done(&exits->parser);
        log_reader_free(exits->reader);
        filter_free(exits->filter);
        free(exits);
        return NULL;
}

void exits_note(Exits *exits, const EventFields *event)
{
        int r;

        if (!exits->table || event->seq != exits->seq + 1)
                return;
        if (exit_table_concerns(event)) {
                if (exit_table_must_grow(exits->table))
                        return;
                r = exit_table_put(exits->table, event);
                if (r == -EAGAIN)
                        return;
                if (r < 0) {
                        give_up(exits, r);
                        return;
                }
        }
        exits->seq = event->seq;
}

/* Returns 1 if there may be more, 0 at the end of the log. */
static int feed(Exits *exits)
{
        if (exits->seq == eventlog_newest_seq(exits->log))
                return 0;
        /* What it did not come to may be in the segments of exit codes by now. */
        if (exits->oldest != eventlog_oldest_seq(exits->log))
                exits->reader = log_reader_free(exits->reader);
        if (!exits->reader) {
                /* What the history does not have any more is kept apart. */
                const LogQuestion question = {
                        .after_seq = exits->seq,
                        .filter = exits->filter,
                        .exits = exits->seq + 1 < eventlog_oldest_seq(exits->log),
                };
                int r;

                r = log_reader_new(exits->log, &question, &exits->reader);
                if (r < 0)
                        return r;
                exits->oldest = eventlog_oldest_seq(exits->log);
        }

        for (unsigned n = 0; n < RECORDS_PER_STEP; n++) {
                const EventFields *event = NULL;
                const uint64_t newest = eventlog_newest_seq(exits->log);
                const char *line;
                size_t length;
                int r;

                r = log_reader_next(exits->reader, &line, &length);
                if (r == 0) {
                        exits->seq = newest;
                        exits->reader = log_reader_free(exits->reader);
                }
                if (r <= 0 || r == LOG_READER_AGAIN)
                        return r < 0 ? r : r > 0;
                /* All segments of exit codes are read: what is older must not take the place of
                 * what came behind it. */
                if (log_reader_seq(exits->reader) <= exits->seq)
                        continue;
                r = record_parser_read(&exits->parser, line, length, &event);
                if (r == -ENOMEM)
                        return r;
                r = event ? exit_table_put(exits->table, event) : 0;
                if (r == -EAGAIN) {
                        /* It is read again when the table has grown. */
                        exits->reader = log_reader_free(exits->reader);
                        return 1;
                }
                if (r < 0)
                        return r;
                exits->seq = log_reader_seq(exits->reader);
        }

        return 1;
}

/* With each segment, so that little is to be put in again after a crash; and when it has grown, for
 * until then its file says that nothing is in it. */
static int sync_sometimes(Exits *exits)
{
        const Segment *segment = logfile_segment_of(exits->log, exits->seq);
        bool grown = exits->seq > 0 && exit_table_synced_seq(exits->table) == 0;

        if (!segment || (segment->id == exits->segment && !grown))
                return 0;
        /* Nothing came since it was synced: as at most starts. */
        if (exits->seq == exit_table_synced_seq(exits->table)) {
                exits->segment = segment->id;
                return 0;
        }
        exits->segment = segment->id;
        return exit_table_sync(exits->table, exits->seq);
}

int exits_tend(Exits *exits)
{
        int r;

        if (!exits->table)
                return 0;
        if (is_mostly_gone(exits)) {
                r = make_again(exits);
                return r < 0 ? 0 : 1;
        }
        r = exit_table_grow(exits->table, logfile_directory_fd(exits->log));
        if (r == 0)
                r = feed(exits);
        if (r == 0)
                r = sync_sometimes(exits);
        if (r < 0) {
                give_up(exits, r);
                return 0;
        }
        return r;
}

int exits_find(Exits *exits, ExitKind kind, const char *id, int32_t *ret_code)
{
        int r;

        /* The last word of a container counts, and it may not be in the table yet; of an exec
         * session the first. */
        if (!exits->table ||
            (kind == EXIT_CONTAINER && exits->seq != eventlog_newest_seq(exits->log)))
                return 0;
        r = exit_table_find(exits->table, kind, id, ret_code);
        if (r < 0) {
                give_up(exits, r);
                return 0;
        }
        return r;
}
