/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history when the disk fails or the power goes.
 */
#include "faults.h"
#include "tap.h"

/* ---- what is done while things fail ---- */

#define LAST 10

static char text[4096];
static uint64_t n_appended, n_committed;

static const char *tried_to_open(EventLog *log, bool again)
{
        int r = eventlog_open(log);

        for (unsigned tries = 0; again && r < 0 && tries < 4; tries++) {
                if (*eventlog_failure(log) == '\0')
                        return "opening failed, and nobody said why";
                if (eventlog_is_open(log))
                        return "opening failed, and it is open";
                r = eventlog_open(log);
        }
        return r < 0 ? "it cannot be opened" : NULL;
}

/* What can be read: all that was committed, and nothing else. A full disk costs the oldest. */
static const char *checked(EventLog *log)
{
        unsigned long long first = 0, last = 0;

        suspended = true;
        history_after(log, 0, text, sizeof(text));
        suspended = false;
        if (sscanf(text, "%llu-%llu", &first, &last) < 2)
                last = first;
        if (strpbrk(text, " !?") || last != n_committed ||
            (first > 1 && faults.error != ENOSPC && n_committed > 0))
                return "what can be read is not what was committed";
        return NULL;
}

/*
 * Opens the history and records events up to LAST in batches that take a segment each; "again": a
 * commit that fails is tried again. Returns what went wrong, or NULL.
 */
static const char *record_events(EventLog *log, bool again)
{
        const char *wrong = tried_to_open(log, again);

        for (uint64_t seq = 1; !wrong && seq <= LAST; seq++) {
                int r;

                if (history_append(log, seq) < 0)
                        return "an event was not taken";
                n_appended = seq;
                if (seq % 2 != 0)
                        continue;
                r = eventlog_commit(log);
                for (unsigned tries = 0; again && r < 0 && tries < 4; tries++) {
                        wrong = checked(log);
                        if (wrong)
                                return wrong;
                        if (*eventlog_failure(log) == '\0')
                                return "a commit failed, and nobody said why";
                        r = eventlog_commit(log);
                }
                if (r < 0)
                        return "it cannot be committed";
                n_committed = seq;
                wrong = again ? checked(log) : NULL;
        }
        return wrong;
}

static void start_over(Faults with)
{
        faults_start(with);
        n_appended = n_committed = 0;
}

/* How many operations there are when none fails. */
static unsigned count_operations(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, UINT64_MAX);

        start_over((Faults){});
        must(!record_events(log, true));
        return n_operations;
}

/* ---- something fails, and later does not ---- */

static const char *survive(Faults with)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, UINT64_MAX);
        const char *wrong;

        start_over(with);
        wrong = record_events(log, true);
        faults_stop();
        if (wrong)
                return wrong;
        eventlog_free(TAKE_PTR(log));
        log = history_new(1, UINT64_MAX);
        if (eventlog_open(log) < 0)
                return "it cannot be opened again";
        return checked(log);
}

static void test_whatever_fails_nothing_is_lost(unsigned n_all)
{
        static const struct {
                const char *label;
                Faults faults;
        } rows[] = {
                { "a disk that fails", { .n = 1, .error = EIO } },
                { "a disk that writes a half", { .n = 1, .error = EIO, .torn = true } },
                { "two failures in a row", { .n = 2, .error = EIO } },
                { "three, and a torn write", { .n = 3, .error = EIO, .torn = true } },
                { "a full disk", { .n = 1, .error = ENOSPC } },
                { "a disk that is full for longer", { .n = 3, .error = ENOSPC, .torn = true } },
                { "a sync that loses what was written",
                  { .n = 1, .error = EIO, .unsynced = true } },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                unsigned n_wrong = 0;

                for (unsigned first = 1; first <= n_all + 8; first++) {
                        Faults with = rows[i].faults;
                        const char *wrong;

                        with.first = first;
                        wrong = survive(with);
                        if (wrong && n_wrong++ < 3)
                                printf("# operation %u: %s: %s\n", first, wrong, text);
                }
                tap_eq_u64(n_wrong, 0, "%s, at each of %u operations", rows[i].label, n_all);
        }
}

/* ---- the power goes ---- */

static const char *crash(Faults with, uint64_t *ret_kept)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, UINT64_MAX);
        unsigned long long first = 0, last = 0;
        char want[32];

        start_over(with);
        record_events(log, false);
        eventlog_free(TAKE_PTR(log));
        faults_stop();

        log = history_new(1, UINT64_MAX);
        if (eventlog_open(log) < 0)
                return "it cannot be opened again";
        history_after(log, 0, text, sizeof(text));
        if (sscanf(text, "%llu-%llu", &first, &last) < 2)
                last = first;
        if (strpbrk(text, " !?") || first > 1)
                return "something is missing, or was invented";
        if (last < n_committed)
                return "what was committed is not there";
        if (last > n_appended)
                return "there is more than was recorded";
        snprintf(want, sizeof(want), "%llu", last);
        if (last > 0 && (!eventlog_position(log, "podman") ||
                         strcmp(eventlog_position(log, "podman"), want) != 0))
                return "the position is not the newest event's";
        *ret_kept = last;

        /* It goes on, with numbers that nobody has. */
        _cleanup_event_ Event *event = event_numbered(77);
        uint64_t seq = 0;
        if (eventlog_append(log, event, NULL, &seq) < 0 || eventlog_commit(log) < 0)
                return "nothing can be recorded any more";
        if (seq <= last)
                return "a number was given out twice";
        eventlog_free(TAKE_PTR(log));
        log = history_new(1, UINT64_MAX);
        if (eventlog_open(log) < 0 || eventlog_newest_seq(log) != seq)
                return "the next start finds it damaged";
        return strstr(history_reports, "damaged") ? history_reports : NULL;
}

static void test_whenever_the_power_goes_what_was_committed_is_there(unsigned n_all)
{
        static const struct {
                const char *label;
                Faults faults;
        } rows[] = {
                { "before an operation", { .n = UINT32_MAX, .error = EIO } },
                { "inside a write", { .n = UINT32_MAX, .error = EIO, .torn = true } },
                { "before a sync, and the disk had nothing yet",
                  { .n = UINT32_MAX, .error = EIO, .unsynced = true } },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                unsigned n_wrong = 0;
                uint64_t kept = 0, before = 0;

                for (unsigned first = 1; first <= n_all; first++) {
                        Faults with = rows[i].faults;
                        const char *wrong;

                        with.first = first;
                        wrong = crash(with, &kept);
                        if (!wrong && kept < before && !with.torn)
                                wrong = "a later crash kept less";
                        before = kept;
                        if (wrong && n_wrong++ < 3)
                                printf("# operation %u: %s: %s\n", first, wrong, text);
                }
                tap_eq_u64(n_wrong, 0, "%s, at each of %u", rows[i].label, n_all);
        }
}

/* ---- a disk that stays full ---- */

static void test_a_full_disk_takes_the_oldest_segments_only(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, UINT64_MAX);

        start_over((Faults){});
        must(!record_events(log, true));
        must(history_append(log, LAST + 1) == 0);
        faults = (Faults){ .first = n_operations + 1, .n = UINT32_MAX, .error = ENOSPC };
        tap_eq_int(eventlog_commit(log), -ENOSPC, "it cannot be committed");
        tap_ok(eventlog_uncommitted(log) > 0, "what waits still does");
        tap_ok(eventlog_oldest_seq(log) <= 3, "one segment went for it, and no other");
        faults_stop();
        tap_eq_int(eventlog_commit(log), 0, "until there is room");
        tap_eq_u64(eventlog_newest_seq(log), LAST + 1, "it has its number");
        history_after(log, eventlog_oldest_seq(log) - 1, text, sizeof(text));
        tap_ok(!strpbrk(text, " !?"), "what is left is in one piece: %s", text);
}

/* No crash can be made here that shows it, so the order itself is looked at. */
static void test_what_is_written_is_synced(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, UINT64_MAX);
        const char *renamed;

        start_over((Faults){});
        must(eventlog_open(log) == 0);
        renamed = strrchr(trace, 'r');
        tap_ok(renamed && strstr(trace, "ws") < renamed, "a header before it is in place: %s",
               trace);
        tap_ok(renamed && strchr(renamed, 's'), "and its place");
        start_over((Faults){});
        history_fill(log, 1, 1, 1);
        /* The last write is the table of exit codes, which needs no sync: the log has it all. */
        tap_eq_str(strchr(trace, 'w'), "wsw", "a batch");
        start_over((Faults){});
        history_fill(log, 2, 2, 1);
        tap_eq_str(strchr(trace, 'w'), "wsurrswsw",
                   "a segment that is sealed, the next, and a batch");
}

/* After that nobody knows what is on the disk. */
static void test_a_sync_that_fails_seals_the_segment(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1 << 20, UINT64_MAX);
        struct stat before, after;

        start_over((Faults){});
        must(eventlog_open(log) == 0);
        history_fill(log, 1, 4, 1);
        must(history_append(log, 5) == 0);
        must(stat(SEGMENT_ACTIVE, &before) == 0);
        data_sync_fails = true;
        tap_eq_int(eventlog_commit(log), -EIO, "the commit fails");
        data_sync_fails = false;
        must(stat(SEGMENT_ACTIVE, &after) == 0);
        tap_eq_int(after.st_size, before.st_size, "what was written is cut off");
        tap_eq_str(history_after(log, 0, text, sizeof(text)), "1-4", "nothing of it counts");
        tap_eq_int(eventlog_commit(log), 0, "the next does not");
        tap_eq_u64(logfile_segment_of(log, 5)->first_seq, 5, "and writes to another segment");
        tap_eq_str(history_after(log, 0, text, sizeof(text)), "1-5", "all is there once");
}

static void test_a_segment_that_cannot_be_removed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, 1);

        start_over((Faults){});
        must(!record_events(log, true));
        /* The first is of a file that a crash may have left. */
        faults_start((Faults){ .first = 2, .n = 1, .error = EROFS, .only = 'u' });
        tap_eq_int(history_trim(log), -EROFS, "is told");
        tap_eq_u64(eventlog_oldest_seq(log), 1, "it is still there");
        faults_stop();
        tap_eq_int(history_trim(log), 0, "later it can");
        tap_ok(eventlog_oldest_seq(log) > 1, "and is gone");
}

int main(void)
{
        unsigned n_all = count_operations();

        tap_ok(n_all > 30, "%u operations change files", n_all);
        test_whatever_fails_nothing_is_lost(n_all);
        test_whenever_the_power_goes_what_was_committed_is_there(n_all);
        test_a_full_disk_takes_the_oldest_segments_only();
        test_what_is_written_is_synced();
        test_a_sync_that_fails_seals_the_segment();
        test_a_segment_that_cannot_be_removed();
        return tap_done();
}
