/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/turn.h"
#include "base/utf8.h"
#include "model/timestamp.h"
#include "sources/path-watch.h"
#include "sources/podman-entry.h"
#include "sources/podman-front-ends.h"
#include "sources/podman-journal-files.h"
#include "sources/podman-journal-place.h"
#include "sources/podman-journal-view.h"
#include "sources/podman-loss.h"

#define SOURCE_NAME "podman-journal"

/* Entries that are looked at in one turn of the loop, and for how long: some milliseconds, so that
 * callers on the bus get theirs. Anybody can log one that takes long to read. */
#define ENTRIES_PER_TURN 256
#define NSEC_PER_TURN    (5 * NSEC_PER_MSEC)

/* Entries that are read ahead at the start: more than come in an hour of many. */
#define FORESEEN_MAX 20000

/* How soon something that failed (no permission, say) is tried again. */
#define RETRY_USEC UINT64_C(10000000)

typedef struct PodmanJournal {
        Source source;
        const PodmanKnowledge *known; /* weak; NULL: nothing */
        bool user;                    /* only our own */
        uint32_t uid;                 /* that is; of the system's service root's */

        PodmanJournalView view;
        PodmanEntry entry;
        PodmanFrontEnds front_ends;
        sd_event_source *io;      /* owned: what journald tells; NULL: not open */
        sd_event_source *timeout; /* owned: where it cannot tell (a network's disk) */
        PathWatch *watches[PODMAN_JOURNAL_FOLDERS]; /* owned: folders that are not there yet */
        sd_event_source *retry;                     /* owned */
        Turn turn;                                  /* reads some */

        PodmanJournalPlace place;         /* the entry that was looked at last */
        char cursor[JOURNAL_CURSOR_SIZE]; /* of that entry, or "" */
        bool knows_boot;                  /* the place is one in a boot */
        bool has_place;                   /* it ran before: what comes is not backlog */
        bool is_listening;                /* since before the journal was there: nor is this */
        bool has_boot;                    /* the view is on the place's boot */
        bool has_foreseen;                /* what was there when we started */
        bool is_looking;                  /* a look was begun, and not ended */
        JournalPoint seen; /* the journal's newest entry when a look saw everything */
        bool has_seen;
        bool has_other_files; /* since it was looked whether all of them are read */
        int n_left_out;       /* that were told */

        unsigned n_refused;              /* entries, in this turn */
        char refused[SOURCE_ERROR_SIZE]; /* why the last of them was */
} PodmanJournal;

static PodmanJournal *podman_journal(Source *source)
{
        return (PodmanJournal *)source;
}

static void schedule(PodmanJournal *journal)
{
        turn_schedule(&journal->turn);
}

/* It is opened again, and looked at from the place on. */
static void close_view(PodmanJournal *journal)
{
        journal->io = sd_event_source_disable_unref(journal->io);
        podman_journal_view_close(&journal->view);
        journal->has_boot = journal->is_looking = false;
}

static void fail(PodmanJournal *journal, const char *what, int error)
{
        close_view(journal);
        source_set_error(&journal->source, "The journal cannot be %s: %s.", what, strerror(-error));
        source_set_state(&journal->source, SOURCE_FAILED);
        sd_event_source_set_time_relative(journal->retry, RETRY_USEC);
        sd_event_source_set_enabled(journal->retry, SD_EVENT_ONESHOT);
}

/* ---- entries ---- */

/* An entry that is left out. It is told at the end of the turn: there may be very many. */
static void refuse_entry(PodmanJournal *journal)
{
        const char *uid = podman_entry_uid(&journal->entry);
        char time[TIMESTAMP_SIZE];

        timestamp_format(journal->view.present.realtime_usec * 1000, time);
        journal->n_refused++;
        snprintf(journal->refused, sizeof(journal->refused), "of %s by the user %s: %s", time,
                 uid ? uid : "(unknown)", journal->entry.problem);
}

static void tell_refused(PodmanJournal *journal)
{
        if (journal->n_refused == 0)
                return;

        source_set_error(&journal->source,
                         "%u of Podman's entries in the journal are left out, the last that %s.",
                         journal->n_refused, journal->refused);
        journal->n_refused = 0;
}

static int deliver(PodmanJournal *journal, const Event *event, const PodmanJournalPlace *place)
{
        char text[PODMAN_JOURNAL_PLACE_SIZE];
        char position[PODMAN_JOURNAL_PLACE_SIZE + sizeof(SOURCE_NAME)];

        podman_journal_place_format(place, text);
        snprintf(position, sizeof(position), SOURCE_NAME " %s", text);
        return journal->source.sink.event(&journal->source, event, position,
                                          journal->source.sink.userdata);
}

static PodmanJournalPlace present_place(const PodmanJournal *journal)
{
        const JournalPoint *present = &journal->view.present;
        PodmanJournalPlace place = journal->place;

        place.entry = present->hash;
        place.usec = present->usec;
        place.realtime_usec = present->realtime_usec;
        if (present->usec > place.backlog_end)
                place.backlog_end = 0;
        return place;
}

/* The present entry need not be looked at again. */
static void pass_entry(PodmanJournal *journal)
{
        journal->place = present_place(journal);
        memcpy(journal->cursor, journal->view.present.cursor, sizeof(journal->cursor));
}

/*
 * The ID of an exec session of 4.3 and later stands nowhere but in the command line of the writer.
 * Whoever asks with which code a session ended does not say whose it was, and anybody can see the
 * IDs of running ones: so only the Podman that is ours to listen to is believed.
 */
static void set_session(PodmanJournal *journal)
{
        const PodmanEntry *entry = &journal->entry;
        EventFields *fields = &journal->entry.fields;

        if (fields->uid != journal->uid) {
                fields->exec_id = NULL;
                return;
        }
        if (fields->exec_id || strcmp(fields->status, "exec_died") != 0)
                return;
        if (*entry->session)
                fields->exec_id = entry->session;
        else if (entry->writer == EXEC_WRITER_FRONT_END && fields->id)
                fields->exec_id =
                        podman_front_ends_session(&journal->front_ends, entry->pid, fields->id);
}

/* "session" is of the event that was just taken; NULL: it has none, or it is not known. */
static void note_front_end(PodmanJournal *journal, const char *session)
{
        const PodmanEntry *entry = &journal->entry;

        if (entry->fields.uid == journal->uid && entry->fields.id &&
            strcmp(entry->fields.status, "exec") == 0)
                podman_front_ends_began(&journal->front_ends, entry->pid, entry->fields.id,
                                        entry->writer == EXEC_WRITER_FRONT_END ? session : NULL);
}

/* Takes the event of the present entry, unless what is known says otherwise. A negative result
 * means that the history did not: the same entry comes again. */
static int take_event(PodmanJournal *journal)
{
        PodmanJournalPlace next = present_place(journal);
        const PodmanKnowledge *known = next.backlog_end > 0 ? NULL : journal->known;
        const ExecWriter writer = journal->entry.writer;
        _cleanup_(event_unrefp) Event *event = NULL;
        PodmanVerdict verdict = {};
        int r;

        set_session(journal);
        journal->entry.fields.backlog = next.backlog_end > 0;
        r = event_new(&journal->entry.fields, &event);
        if (r < 0)
                return r;
        if (known)
                podman_judge(known, event_fields(event), writer, &verdict);
        if (verdict.leave_out) {
                podman_verdict_apply(known, &verdict, event, writer);
                journal->source.duplicates++;
                return 0;
        }
        next.time_nsec = event_fields(event)->time_nsec;
        r = podman_verdict_complete(&verdict, &event);
        if (r >= 0)
                r = deliver(journal, event, &next);
        if (r < 0)
                return r;

        note_front_end(journal, event_fields(event)->exec_id);
        if (known)
                podman_verdict_apply(known, &verdict, event, writer);
        journal->source.received++;
        journal->has_place = true;
        journal->place.time_nsec = next.time_nsec;
        return 0;
}

static bool is_wanted(const PodmanJournal *journal)
{
        return !journal->user || journal->entry.fields.uid == journal->uid;
}

/* While the journal moves from memory to the disk, an entry is in two files. */
static bool was_looked_at(const PodmanJournal *journal)
{
        const JournalPoint *present = &journal->view.present;

        return present->usec < journal->place.usec ||
               (present->usec == journal->place.usec && present->hash == journal->place.entry);
}

static int take_entry(PodmanJournal *journal)
{
        int r;

        if (was_looked_at(journal)) {
                journal->source.duplicates++;
                return 0;
        }
        r = podman_journal_view_read(&journal->view, &journal->entry);
        if (r == -EBADMSG)
                refuse_entry(journal);
        else if (r > 0 && is_wanted(journal))
                r = take_event(journal);
        if (r < 0 && r != -EBADMSG)
                return r;

        pass_entry(journal);
        return 0;
}

static uint64_t monotonic_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Reads to the end of the look, or for one turn. Returns 1 at the end, 0 if there is more. */
static int read_entries(PodmanJournal *journal)
{
        const uint64_t end = monotonic_now() + NSEC_PER_TURN;

        for (unsigned n = 0; n < ENTRIES_PER_TURN && (n == 0 || monotonic_now() < end); n++) {
                int r;

                r = podman_journal_view_next(&journal->view);
                if (r <= 0)
                        return r < 0 ? r : 1;
                r = take_entry(journal);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* ---- what is lost ---- */

/* Says so, for the stretch from the last event on to what there is behind "next". */
static int record_loss(PodmanJournal *journal, const PodmanJournalPlace *next)
{
        static const char reason[] = "The journal does not reach back to what was read of it";
        PodmanLoss loss = { .name = journal->source.id,
                            .reason = reason,
                            .since_nsec = journal->place.time_nsec,
                            .until_nsec = timestamp_now() };
        _cleanup_(event_unrefp) Event *event = NULL;
        int r;

        r = podman_journal_view_begin(&journal->view, next, "");
        if (r >= 0)
                r = podman_journal_view_next(&journal->view);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r > 0)
                loss.until_nsec = journal->view.present.realtime_usec * 1000;
        r = podman_loss_make(&loss, &event);
        if (r < 0)
                return r;
        r = deliver(journal, event, next);
        if (r < 0)
                return r;

        journal->source.lost++;
        source_set_error(&journal->source, "%s.", reason);
        source_set_state(&journal->source, SOURCE_GAP);
        return 0;
}

/* The entry of the place is gone. What came later than it is whole if we had seen everything, and
 * nothing that came since is missing; after a start nobody knows. */
static int miss_place(PodmanJournal *journal)
{
        PodmanJournalPlace next = journal->place;
        int r = 0;

        next.entry = 0;
        if (journal->has_seen)
                r = podman_journal_view_is_whole(&journal->view, &journal->seen);
        if (r == 0)
                r = record_loss(journal, &next);
        if (r < 0)
                return r;

        journal->place = next;
        journal->cursor[0] = '\0';
        return 0;
}

/* ---- boots ---- */

static void begin_boot(PodmanJournal *journal, sd_id128_t boot)
{
        journal->view.boot = boot;
        journal->place = (PodmanJournalPlace){
                .boot = podman_journal_boot_hash(boot),
                .time_nsec = journal->place.time_nsec,
        };
        journal->cursor[0] = '\0';
        journal->has_boot = journal->knows_boot = true;
        journal->has_seen = false;
}

/*
 * The boot of the place is gone. A journal in memory does not outlive one, as Podman's own file
 * does not; from one on the disk it was removed.
 */
static int miss_boot(PodmanJournal *journal)
{
        char cursor[JOURNAL_CURSOR_SIZE];
        PodmanJournalPlace next = { .time_nsec = journal->place.time_nsec };
        sd_id128_t boot, current;
        int r;

        r = podman_journal_view_current_boot(&journal->view, &current);
        if (r <= 0)
                return r;
        journal->view.boot = SD_ID128_NULL;
        snprintf(cursor, sizeof(cursor), "t=%" PRIx64, journal->place.realtime_usec);
        if ((r = podman_journal_view_boot_after(&journal->view, cursor, &boot)) <= 0 ||
            (r = podman_journal_view_outlives(&journal->view, current)) < 0)
                return r;
        if (r > 0) {
                journal->view.boot = boot;
                next.boot = podman_journal_boot_hash(boot);
                r = record_loss(journal, &next);
                if (r < 0)
                        return r;
        }

        begin_boot(journal, boot);
        return 1;
}

/* Returns 1; 0 if nothing was logged yet in any. */
static int choose_boot(PodmanJournal *journal)
{
        sd_id128_t boot;
        int r;

        if (journal->knows_boot) {
                r = podman_journal_view_find_boot(&journal->view, journal->place.boot, &boot);
                if (r == 0)
                        return miss_boot(journal);
                if (r > 0) {
                        journal->view.boot = boot;
                        journal->has_boot = true;
                }
                return r;
        }
        r = podman_journal_view_current_boot(&journal->view, &boot);
        if (r > 0)
                begin_boot(journal, boot);
        return r;
}

/* All of the boot was read. Returns 1 if there is another one. */
static int change_boot(PodmanJournal *journal)
{
        sd_id128_t boot;
        int r;

        if (sd_id128_get_boot(&boot) >= 0 && sd_id128_equal(boot, journal->view.boot))
                return 0;
        r = podman_journal_view_boot_after(&journal->view, journal->view.newest.cursor, &boot);
        if (r <= 0 || sd_id128_equal(boot, journal->view.boot))
                return r < 0 ? r : 0;

        begin_boot(journal, boot);
        return 1;
}

/* ---- the journal ---- */

/* Where journald cannot tell, on a network's disk, sd-journal says when to look again. */
static int set_timeout(PodmanJournal *journal)
{
        uint64_t usec;
        int r;

        r = sd_journal_get_timeout(journal->view.journal, &usec);
        if (r < 0)
                return r;
        if (usec == UINT64_MAX)
                return sd_event_source_set_enabled(journal->timeout, SD_EVENT_OFF);
        r = sd_event_source_set_time(journal->timeout, usec);
        return r < 0 ? r : sd_event_source_set_enabled(journal->timeout, SD_EVENT_ONESHOT);
}

static void process(PodmanJournal *journal)
{
        int r;

        r = sd_journal_process(journal->view.journal);
        if (r == SD_JOURNAL_INVALIDATE) {
                journal->is_looking = false;
                journal->has_other_files = true;
        }
        if (r >= 0)
                r = set_timeout(journal);
        if (r < 0)
                fail(journal, "followed", r);
        else
                schedule(journal);
}

/* ---- looks ---- */

static void set_absent(PodmanJournal *journal)
{
        journal->is_listening = true;
        if (journal->source.state == SOURCE_ABSENT)
                return;

        snprintf(journal->source.last_error, sizeof(journal->source.last_error),
                 "There is no journal that may be read below \"%s\" and \"%s\".",
                 podman_journal_folders[0], podman_journal_folders[1]);
        source_set_state(&journal->source, SOURCE_ABSENT);
}

/* Reads ahead what is there when we start, for what only all of it tells. */
static int foresee(PodmanJournal *journal)
{
        int r = 1;

        for (unsigned n = 0; n < FORESEEN_MAX && r > 0; n++) {
                r = podman_journal_view_next(&journal->view);
                if (r <= 0)
                        break;
                r = podman_journal_view_read(&journal->view, &journal->entry);
                if (r > 0 && is_wanted(journal))
                        podman_foresee(journal->known, &journal->entry.fields);
                if (r == 0 || r == -EBADMSG)
                        r = 1;
        }
        return r < 0 ? r
                     : podman_journal_view_begin(&journal->view, &journal->place, journal->cursor);
}

/* Returns 1, or 0 if there is nothing to look at. */
static int begin_look(PodmanJournal *journal)
{
        int r = 1;

        if (!journal->has_boot)
                r = choose_boot(journal);
        if (r > 0)
                r = podman_journal_view_begin(&journal->view, &journal->place, journal->cursor);
        if (r == 0 && journal->has_boot) {
                r = miss_place(journal);
                if (r >= 0)
                        r = podman_journal_view_begin(&journal->view, &journal->place, "");
        }
        if (r > 0 && journal->known && journal->has_place && !journal->has_foreseen) {
                journal->has_foreseen = true;
                r = foresee(journal);
        }
        if (r == 0 || r == -ENOENT) {
                journal->has_boot = false;
                set_absent(journal);
                return 0;
        }
        if (r < 0)
                return r;

        /* What is there at the first look happened before we listened. */
        if (!journal->has_place && !journal->is_listening)
                journal->place.backlog_end = journal->view.newest.usec;
        if (journal->source.state == SOURCE_ABSENT)
                journal->source.last_error[0] = '\0';
        if (journal->source.state != SOURCE_GAP && journal->source.state != SOURCE_LIVE)
                source_set_state(&journal->source, SOURCE_SYNCING);
        journal->is_listening = journal->is_looking = true;
        return 1;
}

/* Tells of files that are damaged. What was made just now is open when sd-journal has heard of it.
 */
static void check_files(PodmanJournal *journal)
{
        char path[PATH_MAX];
        int n;

        if (!journal->has_other_files)
                return;
        journal->has_other_files = false;
        n = podman_journal_files_left_out(journal->user, path);
        if (n > 0 && n != journal->n_left_out) {
                process(journal);
                n = podman_journal_files_left_out(journal->user, path);
        }
        if (n > 0 && n != journal->n_left_out)
                source_set_error(&journal->source,
                                 "%d files of the journal are not read, for they are damaged or "
                                 "may not be read: \"%s\".",
                                 n, path);
        if (n >= 0)
                journal->n_left_out = n;
}

static int end_look(PodmanJournal *journal)
{
        int r;

        journal->is_looking = false;
        journal->seen = journal->view.newest;
        journal->has_seen = true;
        check_files(journal);
        if (!journal->view.journal) /* it failed meanwhile */
                return 0;
        r = journal->view.has_more ? 1 : change_boot(journal);
        if (r < 0)
                return r;
        if (r > 0)
                schedule(journal);
        else
                source_set_state(&journal->source, SOURCE_LIVE);
        return 0;
}

/* ---- what wakes us ---- */

static int on_journal(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        process(userdata);
        return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
        PodmanJournal *journal = userdata;

        if (journal->view.journal)
                process(journal);
        return 0;
}

static int open_view(PodmanJournal *journal)
{
        int r, fd;

        r = podman_journal_view_open(&journal->view, journal->user);
        if (r < 0)
                return r;
        fd = sd_journal_get_fd(journal->view.journal);
        r = sd_journal_get_events(journal->view.journal);
        if (r >= 0)
                r = sd_event_add_io(journal->source.loop, &journal->io, fd, (uint32_t)r, on_journal,
                                    journal);
        if (r >= 0)
                r = set_timeout(journal);
        if (r < 0)
                close_view(journal);
        journal->has_other_files = true;
        return r;
}

/* One turn. */
static int work(PodmanJournal *journal)
{
        int r = 0;

        if (!journal->view.journal)
                r = open_view(journal);
        if (r >= 0 && !journal->is_looking) {
                r = begin_look(journal);
                if (r == 0)
                        return 0;
        }
        if (r >= 0)
                r = read_entries(journal);
        tell_refused(journal);
        if (r > 0)
                r = end_look(journal);
        else if (r == 0)
                schedule(journal);
        if (r < 0)
                journal->is_looking = false;
        return r;
}

static void on_turn(void *userdata)
{
        PodmanJournal *journal = userdata;
        int r;

        r = work(journal);
        /* -EAGAIN: the history is not to be had now, and resumes us. */
        if (r < 0 && r != -EAGAIN)
                fail(journal, "read", r);
}

/* ---- folders ---- */

static void listen_to_folders(PodmanJournal *journal)
{
        for (size_t i = 0; i < ELEMENTSOF(journal->watches); i++) {
                int r;

                r = path_watch_start(journal->watches[i]);
                if (r < 0) {
                        fail(journal, "watched", r);
                        return;
                }
        }
        schedule(journal);
}

/* sd-journal does not see a folder that was made after it was opened. */
static void on_folder(PathChange change, void *userdata)
{
        PodmanJournal *journal = userdata;

        if (change == PATH_FAILED) {
                fail(journal, "watched", -EIO);
                return;
        }
        close_view(journal);
        schedule(journal);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
        listen_to_folders(userdata);
        return 0;
}

/* ---- source ---- */

static int podman_journal_start(Source *source, const char *place)
{
        PodmanJournal *journal = podman_journal(source);

        if (place) {
                journal->has_place = podman_journal_place_parse(place, &journal->place) >= 0;
                journal->knows_boot = journal->has_place;
                if (!journal->has_place)
                        log_notice("Source %s: the history knows no place in the journal.",
                                   source->name);
        }
        if (!journal->has_place)
                journal->place.time_nsec = timestamp_now();

        listen_to_folders(journal);
        return 0;
}

static void podman_journal_resume(Source *source)
{
        schedule(podman_journal(source));
}

static Source *podman_journal_free(Source *source)
{
        PodmanJournal *journal = podman_journal(source);

        if (!source)
                return NULL;

        turn_done(&journal->turn);
        close_view(journal);
        sd_event_source_disable_unref(journal->timeout);
        sd_event_source_disable_unref(journal->retry);
        for (size_t i = 0; i < ELEMENTSOF(journal->watches); i++)
                path_watch_free(journal->watches[i]);
        podman_entry_done(&journal->entry);
        free(source->id);
        free(journal);
        return NULL;
}

static const SourceOps podman_journal_ops = {
        .start = podman_journal_start,
        .resume = podman_journal_resume,
        .free = podman_journal_free,
};

static int add_event_sources(PodmanJournal *journal)
{
        sd_event *loop = journal->source.loop;
        int r;

        if ((r = turn_init(&journal->turn, loop, on_turn, journal)) < 0 ||
            (r = sd_event_add_time_relative(loop, &journal->retry, CLOCK_MONOTONIC, RETRY_USEC, 0,
                                            on_retry, journal)) < 0 ||
            (r = sd_event_source_set_enabled(journal->retry, SD_EVENT_OFF)) < 0 ||
            (r = sd_event_add_time(loop, &journal->timeout, CLOCK_MONOTONIC, UINT64_MAX, 0,
                                   on_timeout, journal)) < 0)
                return r;
        return sd_event_source_set_enabled(journal->timeout, SD_EVENT_OFF);
}

static int add_watches(PodmanJournal *journal)
{
        for (unsigned i = 0; i < ELEMENTSOF(journal->watches); i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                r = podman_journal_folder(i, &path);
                if (r >= 0)
                        r = path_watch_new(journal->source.loop, path, on_folder, journal,
                                           journal->watches + i);
                if (r < 0)
                        return r;
        }

        return 0;
}

int podman_journal_new(bool user, sd_event *loop, const SourceSink *sink,
                       const PodmanKnowledge *known, Source **ret)
{
        _cleanup_(source_freep) Source *source = NULL;
        PodmanJournal *journal;
        int r;

        journal = calloc(1, sizeof(PodmanJournal));
        if (!journal)
                return -ENOMEM;
        source = &journal->source;
        *source = (Source){
                .ops = &podman_journal_ops,
                .name = SOURCE_NAME,
                .type = "podman",
                .api = "journal",
                .version = "",
                .loop = loop,
                .sink = *sink,
        };
        journal->known = known;
        journal->user = user;
        journal->uid = user ? geteuid() : 0;

        source->id = strdup("journal");
        if (!source->id)
                return -ENOMEM;
        if ((r = add_event_sources(journal)) < 0 || (r = add_watches(journal)) < 0)
                return r;

        *ret = TAKE_PTR(source);
        return 0;
}
