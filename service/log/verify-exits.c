/* SPDX-License-Identifier: Apache-2.0 */
#include "log/verify-exits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/line-reader.h"
#include "log/mend.h"
#include "log/record-parser.h"

/* Entries that can be in doubt at once: 40 MiB. Of a table that is wrong in more places it is
 * enough to know so many. */
#define DOUBTS_MAX (1U << 20)
#define PLACES     (2 * DOUBTS_MAX) /* a power of two */

/* The service writes the table in place: a block may be read while it does. */
#define TRIES    5
#define TRY_NSEC (20 * 1000 * 1000)

typedef struct Doubt {
        uint64_t key, seq; /* seq: of the last event that said something else */
        uint64_t value;    /* that the history says, so far */
        uint64_t entry;    /* that the table says */
        bool open;
        bool has_entry, right;
        bool told; /* the history says something */
} Doubt;

struct ExitCheck {
        ExitTable *table; /* owned */
        uint64_t synced_seq;
        Doubt *doubts;    /* owned; DOUBTS_MAX of them, NULL as long as there is none */
        uint32_t *places; /* owned: open addressing; number of a doubt and 1 */
        uint32_t n;
        bool too_many;
};

ExitCheck *exit_check_free(ExitCheck *check)
{
        if (!check)
                return NULL;

        exit_table_free(check->table);
        free(check->doubts);
        free(check->places);
        free(check);
        return NULL;
}

static void wait_a_moment(void)
{
        nanosleep(&(struct timespec){ .tv_nsec = TRY_NSEC }, NULL);
}

static int open_table(const VerifyWork *work, ExitTable **ret)
{
        _cleanup_(exit_table_freep) ExitTable *table = NULL;
        int r;

        r = exit_table_open_existing(work->directory_fd, work->epoch, &table);
        if (r < 0)
                return r;
        r = exit_table_check(table);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(table);
        return 0;
}

static int bad_table(VerifyWork *work, const char *sentence)
{
        verify_say(work, FINDING_PROBLEM, FINDING_EXITS, EXIT_TABLE_NAME, NULL, "%s", sentence);
        return work->options->repair
                       ? mend_set_aside(work, EXIT_TABLE_NAME, "the service makes a new one")
                       : 0;
}

int verify_exits_begin(VerifyWork *work)
{
        ExitTable *table = NULL;
        int r;

        for (unsigned n = 0; n < TRIES; n++) {
                if (n > 0)
                        wait_a_moment();
                r = open_table(work, &table);
                if (r != -EBADMSG || !verify_is_written(work))
                        break;
        }
        if (r == -ENOENT || r == -ENOMEM)
                return r == -ENOMEM ? r : 0;
        work->result.n_files++;
        if (r == -EBADMSG)
                return bad_table(work, "The table is damaged, or of another history.");
        if (r < 0) {
                verify_say(work, FINDING_PROBLEM, FINDING_UNREADABLE, EXIT_TABLE_NAME, NULL,
                           "The file cannot be read: %s.", strerror(-r));
                return 0;
        }

        work->endings = calloc(1, sizeof(ExitCheck));
        if (!work->endings) {
                exit_table_free(table);
                return -ENOMEM;
        }
        work->endings->table = table;
        work->endings->synced_seq = exit_table_synced_seq(table);
        return 0;
}

/* ---- doubts ---- */

static int make_room(ExitCheck *check)
{
        if (check->doubts)
                return 0;
        check->places = calloc(PLACES, sizeof(uint32_t));
        check->doubts = calloc(DOUBTS_MAX, sizeof(Doubt));
        return check->places && check->doubts ? 0 : -ENOMEM;
}

/* NULL if there is none, or no room for another one. */
static Doubt *find_doubt(ExitCheck *check, uint64_t key, bool add)
{
        size_t place = (size_t)key & (PLACES - 1);

        while (check->places[place] > 0 && check->doubts[check->places[place] - 1].key != key)
                place = (place + 1) & (PLACES - 1);
        if (check->places[place] > 0)
                return check->doubts + check->places[place] - 1;
        if (!add)
                return NULL;
        if (check->n >= DOUBTS_MAX) {
                check->too_many = true;
                return NULL;
        }

        check->doubts[check->n] = (Doubt){ .key = key };
        check->places[place] = ++check->n;
        return check->doubts + check->n - 1;
}

int verify_exits_note(ExitCheck *check, const EventFields *event)
{
        uint64_t entry = 0;
        bool same, there;
        ExitWord word;
        Doubt *doubt;
        int r;

        if (!check || !exit_table_word(check->table, event, &word))
                return 0;
        r = exit_table_value(check->table, word.key, &entry);
        there = r > 0;
        same = there && entry == word.value;
        if ((same && (!check->doubts || !word.replaces)) ||
            (!there && r >= 0 && event->seq > check->synced_seq))
                return 0;
        r = make_room(check);
        if (r < 0)
                return r;
        doubt = find_doubt(check, word.key, !same);
        if (doubt)
                *doubt = (Doubt){ .key = word.key, .seq = event->seq, .open = !same };
        return 0;
}

/* ---- settling them ---- */

/* What of a container's endings is not in the history any more is not all kept: when there was no
 * room for it, it is gone. */
static void settle(ExitCheck *check, const EventFields *event, bool kept_apart, bool complete)
{
        ExitWord word;
        Doubt *doubt;
        bool same;

        if (!exit_table_word(check->table, event, &word))
                return;
        doubt = find_doubt(check, word.key, false);
        if (!doubt || !doubt->open || (kept_apart && !word.exec))
                return;
        /* Then it may have said what stays. */
        if (!doubt->told && !complete && doubt->has_entry && !word.exec &&
            (!word.replaces || word.late))
                return;
        if (!doubt->told || !exit_word_is_settled(&word, doubt->value))
                doubt->value = word.value;
        doubt->told = true;
        doubt->seq = event->seq;
        same = doubt->has_entry && doubt->entry == doubt->value;
        /* What came later may be in the table, or not yet. */
        doubt->right = event->seq <= check->synced_seq ? same : doubt->right || same;
}

static int settle_by(const VerifyWork *work, int fd, bool kept_apart)
{
        const bool complete = work->n_segments > 0 && work->segments[0].first_seq == 1;
        ExitCheck *check = work->endings;
        RecordParser parser = {};
        LineReader reader;
        const char *line;
        size_t length;
        int r;

        r = line_reader_init(&reader, fd, 0, RECORD_SIZE_MAX);
        if (r < 0)
                return r;
        while ((r = line_reader_next(&reader, UINT64_MAX, &line, &length)) > 0) {
                const EventFields *event;

                if (r == LINE_TOO_LONG || !record_is_intact(line, length) ||
                    (r = record_parser_read(&parser, line, length, &event)) == -EBADMSG)
                        continue;
                if (r < 0)
                        break;
                settle(check, event, kept_apart, complete);
        }
        record_parser_done(&parser);
        line_reader_done(&reader);
        return r;
}

static int settle_by_all(const VerifyWork *work, const Segment *segments, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                _cleanup_close_ int opened = -1;
                char name[SEGMENT_NAME_SIZE];
                int r;

                segment_name(segments + i, name);
                if (!segments[i].active)
                        opened = segment_open(work->directory_fd, name, false);
                if (!segments[i].active && opened < 0)
                        continue;
                r = settle_by(work, segments[i].active ? work->active_fd : opened,
                              segments[i].exits);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void read_entries(ExitCheck *check)
{
        for (uint32_t i = 0; i < check->n; i++) {
                Doubt *doubt = check->doubts + i;

                if (!doubt->open)
                        continue;
                doubt->has_entry = exit_table_value(check->table, doubt->key, &doubt->entry) > 0;
                /* Until the history says otherwise; whatever ended has an entry. */
                doubt->right = doubt->has_entry;
        }
}

/* Events that came meanwhile may be in a new segment, which was not read. */
static bool was_sealed(const VerifyWork *work)
{
        struct stat ours, named;

        return work->active_fd >= 0 &&
               (fstat(work->active_fd, &ours) < 0 ||
                fstatat(work->directory_fd, SEGMENT_ACTIVE_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
                ours.st_ino != named.st_ino);
}

static bool any_open(const ExitCheck *check)
{
        for (uint32_t i = 0; i < check->n; i++)
                if (check->doubts[i].open)
                        return true;
        return false;
}

static uint64_t say_wrong(VerifyWork *work)
{
        const ExitCheck *check = work->endings;
        const bool sealed = was_sealed(work);
        uint64_t n = 0;

        for (uint32_t i = 0; i < check->n; i++) {
                const Doubt *doubt = check->doubts + i;

                if (!doubt->open || doubt->right || sealed)
                        continue;
                n++;
                verify_say(work, FINDING_PROBLEM, FINDING_EXITS, EXIT_TABLE_NAME,
                           &(VerifyPlace){ .seq = doubt->seq },
                           "The table does not say how what this event tells of ended.");
        }
        return n;
}

int verify_exits_end(VerifyWork *work, uint64_t newest_seq)
{
        ExitCheck *check = work->endings;
        uint64_t n_wrong = 0;
        int r;

        if (!check)
                return 0;
        if (check->synced_seq > newest_seq && !verify_is_written(work))
                return bad_table(work, "The table is ahead of the history.");
        if (check->too_many)
                verify_say(work, FINDING_NOTE, FINDING_EXITS, EXIT_TABLE_NAME, NULL,
                           "Too much of it is in doubt: only a part was compared.");
        if (!any_open(check))
                return 0;

        read_entries(check);
        r = settle_by_all(work, work->exits, work->n_exits);
        if (r >= 0)
                r = settle_by_all(work, work->segments, work->n_segments);
        if (r < 0)
                return r;
        n_wrong = say_wrong(work);
        return n_wrong > 0 && work->options->repair
                       ? mend_set_aside(work, EXIT_TABLE_NAME, "the service makes a new one")
                       : 0;
}
