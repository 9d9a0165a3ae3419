/* SPDX-License-Identifier: Apache-2.0 */
/* An event has no place in our code. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "log/journal-log.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "log/folder.h"
#include "log/journal-message.h"
#include "log/segment.h"
#include "model/timestamp.h"

/* How long journald may take for an entry: it is busy with the disk now and then. The loop waits
 * meanwhile, as it does for a disk. */
#define ARRIVAL_NSEC (2 * NSEC_PER_SEC)

/* How long to wait before looking again: at first about what journald needs for an entry. */
#define PAUSE_MIN_NSEC 20000
#define PAUSE_MAX_NSEC 2000000

/* Looks before the first pause: journald needs some ten microseconds, and often is at it already.
 */
#define LOOKS_AT_ONCE 50

/* How long one commit goes on before others have their turn, if there is much to write. */
#define COMMIT_NSEC (NSEC_PER_SEC / 20)

/* So many of the newest records are read without the journal: for publishing, that is enough. */
#define RECENT_MAX 1000

/* The journal removes what is old whatever it is: when all marks have gone, so have as many events
 * of each source, whose places the newest ones have. */
#define MARK_EVERY 4096

/* Entries at the end that are passed over to find an intact one; more are no damage. */
#define DAMAGED_MAX 1000

__attribute__((format(printf, 3, 4))) static int fail(JournalLog *log, int error,
                                                      const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(log->failure, sizeof(log->failure), format, args);
        va_end(args);
        utf8_mend(log->failure);
        return error;
}

static JournalStamp stamp(const JournalLog *log)
{
        return (JournalStamp){ .history = log->history, .epoch = log->epoch };
}

static void drop_first(struct JournalQueue *queue)
{
        JournalWaiting *first = STAILQ_FIRST(queue);

        STAILQ_REMOVE_HEAD(queue, queue);
        journal_entry_free(first->entry);
        free(first->position);
        free(first);
}

/* Back to where it was before it was opened. */
static void let_go(JournalLog *log)
{
        while (!STAILQ_EMPTY(&log->queue))
                drop_first(&log->queue);
        while (!STAILQ_EMPTY(&log->recent))
                drop_first(&log->recent);
        log->waiting = log->n_recent = 0;
        log->sent = false;
        journal_close(&log->tail);
        journal_close(&log->reading);
        json_object_put(TAKE_PTR(log->positions));
        log->epoch = SD_ID128_NULL;
        if (log->folder_fd >= 0)
                close(TAKE_FD(log->folder_fd));
}

/* ---- sending ---- */

/* Behind all that anybody logged up to now. */
static int go_to_end(sd_journal *journal)
{
        int r;

        r = sd_journal_seek_tail(journal);
        if (r >= 0)
                r = sd_journal_previous(journal);
        /* In an empty journal the end stays where it is, whatever comes. */
        return r == 0 ? sd_journal_seek_head(journal) : r;
}

/* Whether the present entry is this one. */
static int is_entry(Journal *journal, const JournalEntry *entry)
{
        const char *line;
        size_t length;
        int r;

        r = journal_record(journal, &line, &length);
        if (r <= 0 || length != entry->record_length || memcmp(line, entry->record, length) != 0)
                return r < 0 ? r : 0;
        return journal_is_ours(journal);
}

/* Whether the entry has arrived; what came before it is passed over. It looks at what everybody
 * logs, for matches may see an entry later. */
static int look_for(JournalLog *log, const JournalEntry *entry)
{
        int r;

        while ((r = sd_journal_next(log->tail.journal)) > 0) {
                r = is_entry(&log->tail, entry);
                if (r != 0)
                        return r;
        }
        return r;
}

static uint64_t monotonic_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* By looking again and again: the journal's own notice of an entry comes up to 250 ms after it. */
static int wait_for(JournalLog *log, const JournalEntry *entry)
{
        const uint64_t end = monotonic_now() + ARRIVAL_NSEC;
        struct timespec pause = { .tv_nsec = PAUSE_MIN_NSEC };
        int r;

        for (unsigned looks = 0;; looks++) {
                r = look_for(log, entry);
                if (r != 0)
                        return r < 0 ? r : 0;
                if (looks < LOOKS_AT_ONCE) {
                        sched_yield();
                        continue;
                }
                if (monotonic_now() >= end)
                        return -ETIMEDOUT;
                r = journal_refresh(&log->tail);
                if (r < 0)
                        return r;
                log->oldest_is_known &= r == 0;
                clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
                if (pause.tv_nsec < PAUSE_MAX_NSEC)
                        pause.tv_nsec *= 2;
        }
}

/* Sends it, if it was not sent before and is on its way, and waits for it. */
static int deliver(JournalLog *log, const JournalEntry *entry, bool *sent)
{
        int r;

        r = journal_refresh(&log->tail);
        log->oldest_is_known &= r == 0;
        if (r >= 0)
                r = *sent ? look_for(log, entry) : go_to_end(log->tail.journal);
        if (r == 0 || (r > 0 && !*sent)) {
                r = sd_journal_sendv(entry->fields, (int)entry->n_fields);
                if (r < 0)
                        return fail(log, r, "The journal takes nothing: %s.", strerror(-r));
                *sent = true;
                r = wait_for(log, entry);
        }
        if (r == -ETIMEDOUT)
                return fail(log, r,
                            "What is logged does not come to stand in the journal: see that "
                            "systemd-journald runs, that its MaxLevelStore= and RateLimitBurst= "
                            "let us through, and that we may read it.");
        return r < 0 ? fail(log, r, "The journal cannot be read: %s.", strerror(-r)) : 0;
}

static int deliver_mark(JournalLog *log, bool end)
{
        const JournalStamp now = stamp(log);
        _cleanup_(journal_entry_freep) JournalEntry *mark = NULL;
        bool sent = false;
        int r;

        r = journal_entry_new_mark(&now, log->newest_seq + 1, log->positions, end, &mark);
        if (r < 0)
                return fail(log, r, "There is no memory.");
        if (end) /* nobody waits for it any more */
                return sd_journal_sendv(mark->fields, (int)mark->n_fields);
        r = deliver(log, mark, &sent);
        if (r < 0)
                return r;

        log->since_mark = 0;
        return 0;
}

/* ---- opening ---- */

/* What the newest entry says. */
typedef struct End {
        bool found, ended_well;
        uint64_t next_seq;
        sd_id128_t epoch;
        sd_id128_t boot;
} End;

/* Goes to the newest intact entry of a kind. Returns 1 if there is one. */
static int go_to_newest(Journal *journal, JournalKind kinds, const char *match, const char **ret,
                        size_t *ret_length)
{
        int r;

        r = journal_match(journal, kinds);
        if (r >= 0 && match)
                r = sd_journal_add_match(journal->journal, match, 0);
        if (r >= 0)
                r = sd_journal_seek_tail(journal->journal);
        for (unsigned n = 0; r >= 0 && n < DAMAGED_MAX; n++) {
                r = sd_journal_previous(journal->journal);
                if (r <= 0)
                        return r;
                r = journal_record(journal, ret, ret_length);
                if (r != 0)
                        return r;
        }
        return r;
}

static bool field_is(Journal *journal, const char *name, const char *value)
{
        const char *text;
        size_t length;

        return journal_field(journal, name, &text, &length) > 0 && length == strlen(value) &&
               memcmp(text, value, length) == 0;
}

static int read_epoch(Journal *journal, sd_id128_t *ret)
{
        char text[SD_ID128_STRING_MAX];
        const char *value;
        size_t length;
        int r;

        r = journal_field(journal, CE_JOURNAL_EPOCH, &value, &length);
        if (r <= 0 || length >= sizeof(text))
                return r < 0 ? r : -EBADMSG;
        memcpy(text, value, length);
        text[length] = '\0';
        return sd_id128_from_string(text, ret);
}

/* The number behind the one of the newest entry of a kind; 1 if there is none. */
static int find_next_seq(Journal *journal, JournalKind kind, uint64_t *ret)
{
        RecordHeader header = {};
        const char *line;
        uint64_t next = 1;
        size_t length;
        int r;

        r = go_to_newest(journal, kind, NULL, &line, &length);
        if (r < 0)
                return r;
        if (r > 0 && kind == JOURNAL_EVENTS)
                next = record_seq(line, length) + 1;
        else if (r > 0 && record_parse_header(line, length, &header) >= 0)
                next = header.first_seq;
        record_header_done(&header);
        *ret = next;
        return 0;
}

/* Of the newest event and the newest mark the one that goes further says where numbers go on; the
 * newest of both says the epoch. */
static int find_end(JournalLog *log, End *ret)
{
        Journal *journal = &log->reading;
        uint64_t behind_event, behind_mark, usec;
        End end = { .found = true };
        const char *line;
        size_t length;
        int r;

        if ((r = find_next_seq(journal, JOURNAL_EVENTS, &behind_event)) < 0 ||
            (r = find_next_seq(journal, JOURNAL_MARKS, &behind_mark)) < 0 ||
            (r = go_to_newest(journal, JOURNAL_EVENTS | JOURNAL_MARKS, NULL, &line, &length)) < 0)
                return r;
        end.next_seq = behind_event > behind_mark ? behind_event : behind_mark;
        if (r == 0) {
                *ret = (End){ .next_seq = end.next_seq };
                return 0;
        }
        if ((r = read_epoch(journal, &end.epoch)) < 0 ||
            (r = sd_journal_get_monotonic_usec(journal->journal, &usec, &end.boot)) < 0)
                return r;

        end.ended_well = field_is(journal, CE_JOURNAL_MARK, "end");
        *ret = end;
        return 0;
}

/* Looks up the newest event of the source. Returns -ENOMEM or what sd-journal says. */
static int find_position(JournalLog *log, const char *source)
{
        char position[POSITION_SIZE];
        _cleanup_free_ char *match = NULL;
        const char *line;
        size_t length;
        int r;

        journal_reader_step_back(log->reader);
        if (asprintf(&match, CE_JOURNAL_SOURCE "=%s", source) < 0)
                return -ENOMEM;
        r = go_to_newest(&log->reading, JOURNAL_EVENTS, match, &line, &length);
        if (r <= 0)
                return r;
        return record_position(line, length, position) ? positions_set(log->positions, position)
                                                       : 0;
}

/* The positions of the newest mark, and what events said since. */
static int find_positions(JournalLog *log)
{
        RecordHeader header = {};
        const char *line;
        size_t length;
        int r;

        r = go_to_newest(&log->reading, JOURNAL_MARKS, NULL, &line, &length);
        if (r < 0)
                return r;
        json_object_put(TAKE_PTR(log->positions));
        if (r > 0 && record_parse_header(line, length, &header) >= 0) {
                log->positions = header.positions;
        } else {
                log->positions = json_object_new_object();
                if (!log->positions)
                        return -ENOMEM;
        }

        json_object_object_foreach(log->positions, source, place) {
                (void)place;
                r = find_position(log, source);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Journald writes to the disk when it likes. If the machine went down and we did not end before,
 * the end may be gone, and with it numbers that were published. */
static int set_epoch(JournalLog *log, const End *end)
{
        sd_id128_t boot;
        uint64_t usec;
        int r;

        if (!end->found)
                return sd_id128_randomize(&log->epoch);
        /* By what journald last logged for anybody: in a container it may know another ID of the
         * boot than we do. */
        if ((r = go_to_end(log->tail.journal)) < 0 ||
            (r = sd_journal_get_monotonic_usec(log->tail.journal, &usec, &boot)) < 0)
                return r;
        if (end->ended_well || sd_id128_equal(boot, end->boot)) {
                log->epoch = end->epoch;
                return 0;
        }
        if (log->report)
                log->report("The machine went down, and the journal may have lost its end: cursors "
                            "from before are no longer good.",
                            log->userdata);
        return sd_id128_randomize(&log->epoch);
}

static int read_end(JournalLog *log, End *ret)
{
        int r;

        if ((r = find_end(log, ret)) < 0 || (r = find_positions(log)) < 0)
                return r;

        log->newest_seq = ret->next_seq - 1;
        log->next_seq = ret->next_seq;
        return 0;
}

static int take_up(JournalLog *log)
{
        End end;
        int r;

        if ((r = journal_open(log->history, &log->tail)) < 0 ||
            (r = journal_open(log->history, &log->reading)) < 0 || (r = read_end(log, &end)) < 0 ||
            (r = set_epoch(log, &end)) < 0)
                return fail(log, r, "The journal cannot be read: %s.", strerror(-r));
        r = deliver_mark(log, false);
        if (r < 0)
                return r;

        /* What one before us sent last may have arrived right before the mark. */
        if ((r = journal_refresh(&log->reading)) < 0 || (r = read_end(log, &end)) < 0)
                return fail(log, r, "The journal cannot be read: %s.", strerror(-r));
        return 0;
}

static bool journal_log_is_open(const EventLog *base)
{
        return ((const JournalLog *)base)->folder_fd >= 0;
}

static int journal_log_open(EventLog *base)
{
        JournalLog *log = (JournalLog *)base;
        int r;

        if (journal_log_is_open(base))
                return 0;
        r = folder_make(log->history);
        if (r >= 0)
                r = folder_lock(log->history, &log->folder_fd);
        if (r == -EBUSY)
                return fail(log, r,
                            "Another process has the history of \"%s\": stop it, or choose another "
                            "Directory=.",
                            log->history);
        if (r < 0)
                return fail(log, r, "The folder \"%s\" cannot be had: %s.", log->history,
                            strerror(-r));
        r = take_up(log);
        if (r < 0) {
                let_go(log);
                return r;
        }

        log->failure[0] = '\0';
        return 0;
}

/* ---- writing ---- */

static int journal_log_append(EventLog *base, const Event *event, const char *position,
                              uint64_t *ret_seq)
{
        JournalLog *log = (JournalLog *)base;
        const JournalStamp now = stamp(log);
        _cleanup_(journal_entry_freep) JournalEntry *entry = NULL;
        _cleanup_free_ char *copy = NULL;
        JournalWaiting *waiting;
        int r;

        if (!journal_log_is_open(base))
                return -ENOTCONN;
        r = journal_entry_new(&now, event, log->next_seq, position, &entry);
        if (r < 0)
                return r;
        if (log->waiting + entry->size > EVENTLOG_BATCH_MAX)
                return -ENOBUFS;
        copy = position ? strdup(position) : NULL;
        waiting = malloc(sizeof(JournalWaiting));
        if (!waiting || (position && !copy)) {
                free(waiting);
                return -ENOMEM;
        }

        log->waiting += entry->size;
        *waiting = (JournalWaiting){ .lost = journal_is_lost(event_fields(event)) };
        waiting->entry = TAKE_PTR(entry);
        waiting->position = TAKE_PTR(copy);
        STAILQ_INSERT_TAIL(&log->queue, waiting, queue);
        *ret_seq = log->next_seq++;
        return 0;
}

static size_t journal_log_uncommitted(const EventLog *base)
{
        return ((const JournalLog *)base)->waiting;
}

/* A source that no mark knows yet gets one. */
static int take_position(JournalLog *log, const char *position)
{
        char source[POSITION_SIZE];

        snprintf(source, sizeof(source), "%.*s", (int)strcspn(position, " "), position);
        if (!json_object_object_get_ex(log->positions, source, NULL))
                log->since_mark = MARK_EVERY;
        return positions_set(log->positions, position);
}

/* The first that waits is committed. */
static void move_to_recent(JournalLog *log)
{
        JournalWaiting *first = STAILQ_FIRST(&log->queue);

        STAILQ_REMOVE_HEAD(&log->queue, queue);
        log->waiting -= first->entry->size;
        log->sent = false;
        STAILQ_INSERT_TAIL(&log->recent, first, queue);
        log->newest_seq = first->entry->seq;
        log->n_recorded++;
        log->n_lost += first->lost;
        log->since_mark++;
        if (log->n_recent++ >= RECENT_MAX) {
                drop_first(&log->recent);
                log->n_recent--;
        }
}

static int commit_first(JournalLog *log)
{
        const JournalWaiting *first = STAILQ_FIRST(&log->queue);
        int r;

        r = deliver(log, first->entry, &log->sent);
        if (r < 0)
                return r;

        r = first->position ? take_position(log, first->position) : 0;
        move_to_recent(log);
        return r < 0 ? fail(log, r, "There is no memory.") : 0;
}

static int journal_log_commit(EventLog *base)
{
        JournalLog *log = (JournalLog *)base;
        const uint64_t end = monotonic_now() + COMMIT_NSEC;
        int r;

        while (!STAILQ_EMPTY(&log->queue)) {
                if (monotonic_now() >= end)
                        return 1;
                r = commit_first(log);
                if (r >= 0 && log->since_mark >= MARK_EVERY)
                        r = deliver_mark(log, false);
                if (r < 0)
                        return r;
        }

        log->failure[0] = '\0';
        return 0;
}

/* Files that the journal removed are let go, or their room on the disk stays taken. */
static int journal_log_tend(EventLog *base)
{
        JournalLog *log = (JournalLog *)base;
        int r;

        if (!journal_log_is_open(base))
                return 0;
        r = journal_refresh(&log->tail);
        log->oldest_is_known &= r == 0;
        if (r >= 0)
                r = journal_refresh(&log->reading);
        return r < 0 ? r : 0;
}

/* ---- reading ---- */

void journal_log_report_damage(JournalLog *log, uint64_t behind_seq)
{
        char sentence[128];

        if (log->damage_is_reported || !log->report)
                return;
        log->damage_is_reported = true;
        snprintf(sentence, sizeof(sentence),
                 "An entry of the journal behind event %" PRIu64 " is damaged, and left out.",
                 behind_seq);
        log->report(sentence, log->userdata);
}

static const char *journal_log_position(EventLog *base, const char *source)
{
        JournalLog *log = (JournalLog *)base;
        struct json_object *place;

        if (!journal_log_is_open(base))
                return NULL;
        if (!json_object_object_get_ex(log->positions, source, NULL))
                (void)find_position(log, source);
        return json_object_object_get_ex(log->positions, source, &place)
                       ? json_object_get_string(place)
                       : NULL;
}

static sd_id128_t journal_log_epoch(const EventLog *base)
{
        return ((const JournalLog *)base)->epoch;
}

static uint64_t find_oldest(JournalLog *log)
{
        const char *line;
        uint64_t seq = 0;
        size_t length;

        journal_reader_step_back(log->reader);
        if (journal_match(&log->reading, JOURNAL_EVENTS) < 0 ||
            sd_journal_seek_head(log->reading.journal) < 0)
                return 0;
        for (unsigned n = 0; seq == 0 && n < DAMAGED_MAX; n++) {
                if (sd_journal_next(log->reading.journal) <= 0)
                        return 0;
                if (journal_record(&log->reading, &line, &length) > 0)
                        seq = record_seq(line, length);
        }
        return seq <= log->newest_seq ? seq : 0;
}

static uint64_t journal_log_oldest_seq(EventLog *base)
{
        JournalLog *log = (JournalLog *)base;

        if (!journal_log_is_open(base))
                return 0;
        (void)journal_log_tend(base);
        if (!log->oldest_is_known || log->oldest_seq == 0) {
                log->oldest_seq = find_oldest(log);
                log->oldest_is_known = true;
        }
        return log->oldest_seq;
}

static uint64_t journal_log_newest_seq(const EventLog *base)
{
        return ((const JournalLog *)base)->newest_seq;
}

static uint64_t journal_log_recorded(const EventLog *base)
{
        return ((const JournalLog *)base)->n_recorded;
}

static uint64_t journal_log_lost(const EventLog *base)
{
        return ((const JournalLog *)base)->n_lost;
}

static uint64_t journal_log_size(EventLog *base)
{
        JournalLog *log = (JournalLog *)base;
        uint64_t size;

        if (!journal_log_is_open(base) || sd_journal_get_usage(log->tail.journal, &size) < 0)
                return 0;
        return size;
}

static const char *journal_log_failure(const EventLog *base)
{
        return ((const JournalLog *)base)->failure;
}

static const char *journal_log_unavailable(const EventLog *base)
{
        return journal_log_is_open(base) ? NULL : journal_log_failure(base);
}

/* ---- life ---- */

static EventLog *journal_log_free(EventLog *base)
{
        JournalLog *log = (JournalLog *)base;

        if (journal_log_is_open(base) && STAILQ_EMPTY(&log->queue))
                (void)deliver_mark(log, true);
        let_go(log);
        free(log->history);
        free(log);
        return NULL;
}

int journal_log_new(const EventLogOptions *options, EventLog **ret)
{
        static const EventLogOps ops = {
                .free = journal_log_free,
                .open = journal_log_open,
                .is_open = journal_log_is_open,
                .failure = journal_log_failure,
                .unavailable = journal_log_unavailable,
                .append = journal_log_append,
                .uncommitted = journal_log_uncommitted,
                .commit = journal_log_commit,
                .trim = journal_log_tend,
                .tend = journal_log_tend,
                .position = journal_log_position,
                .epoch = journal_log_epoch,
                .oldest_seq = journal_log_oldest_seq,
                .newest_seq = journal_log_newest_seq,
                .recorded = journal_log_recorded,
                .lost = journal_log_lost,
                .size = journal_log_size,
                .reader_new = journal_reader_new,
        };
        JournalLog *log;

        log = calloc(1, sizeof(JournalLog));
        if (!log)
                return -ENOMEM;
        log->base.ops = &ops;
        log->folder_fd = -1;
        log->report = options->report;
        log->userdata = options->userdata;
        STAILQ_INIT(&log->queue);
        STAILQ_INIT(&log->recent);
        log->history = strdup(options->directory);
        if (!log->history) {
                free(log);
                return -ENOMEM;
        }

        *ret = &log->base;
        return 0;
}
