/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "history.h"
#include "log/exit-table.h"
#include "log/reservation.h"
#include "tap.h"

static char text[8192];

#define tap_after(log, after, want, ...)                                                           \
        tap_eq_str(history_after((log), (after), text, sizeof(text)), (want), __VA_ARGS__)

/* The files of the history in order, "NAME:SIZE " each; the caller owns the string. */
static char *files(bool with_sizes)
{
        struct dirent **entries;
        int n = scandir(HISTORY, &entries, NULL, alphasort);
        char *list = calloc(1, 8192);

        must(n >= 0 && list);
        for (int i = 0; i < n; i++) {
                char path[512];
                struct stat st;

                snprintf(path, sizeof(path), HISTORY "/%s", entries[i]->d_name);
                must(stat(path, &st) == 0);
                if (entries[i]->d_name[0] != '.' && with_sizes)
                        sprintf(list + strlen(list), "%s:%lld ", entries[i]->d_name,
                                (long long)st.st_size);
                else if (entries[i]->d_name[0] != '.')
                        sprintf(list + strlen(list), "%s ", entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return list;
}

static void test_a_new_history(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(4096, 8192);
        _cleanup_free_ char *list = NULL;
        uint64_t seq = 0;
        struct stat st;

        tap_ok(!eventlog_is_open(log) && !file_exists(HISTORY),
               "before it is opened there is none");
        tap_eq_u64(eventlog_newest_seq(log) + eventlog_oldest_seq(log) + eventlog_size(log), 0,
                   "and nothing in it");
        tap_eq_int(eventlog_commit(log), 0, "nothing to commit");
        _cleanup_event_ Event *event = event_numbered(1);
        tap_eq_int(eventlog_append(log, event, NULL, &seq), -ENOTCONN, "nothing can be appended");

        tap_eq_int(eventlog_open(log), 0, "it is opened");
        tap_ok(eventlog_is_open(log) && logfile_directory_fd(log) >= 0, "and open");
        tap_eq_int(eventlog_open(log), 0, "once more does nothing");
        tap_ok(stat(HISTORY, &st) == 0 && (st.st_mode & 0777 & ~0750) == 0, "closed to others");
        list = files(false);
        tap_eq_str(list, "events.log exits.table ", "one segment");
        tap_ok(stat(SEGMENT_ACTIVE, &st) == 0 && (st.st_mode & 0777 & ~0640) == 0,
               "closed to others");
        tap_eq_u64(eventlog_size(log), (uint64_t)st.st_size, "its size");
        tap_eq_u64(eventlog_newest_seq(log), 0, "no newest event");
        tap_eq_u64(eventlog_oldest_seq(log), 0, "no oldest event");
        tap_ok(!eventlog_position(log, "podman"), "no position");
        tap_eq_str(eventlog_failure(log), "", "no failure");
        tap_ok(!sd_id128_is_null(eventlog_epoch(log)), "an epoch");
        tap_eq_str(history_reports, "", "nothing to report");
        tap_ok(!eventlog_free(NULL), "there need not be a log");
}

static void test_folders_above_are_made(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        const EventLogOptions options = { .directory = "a/b/c",
                                          .segment_size = 4096,
                                          .max_size = 4096 };
        _cleanup_log_ EventLog *log = NULL;

        must(eventlog_new(&options, &log) == 0);
        tap_eq_int(eventlog_open(log), 0, "a/b/c");
        tap_ok(file_exists("a/b/c/events.log"), "is there");
}

static void test_events_are_numbered_and_kept(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);
        sd_id128_t epoch = eventlog_epoch(log);

        must(history_append(log, 1) == 0 && history_append(log, 2) == 0);
        tap_ok(eventlog_uncommitted(log) > 0, "two events wait");
        tap_eq_u64(eventlog_newest_seq(log), 0, "they do not count yet");
        tap_eq_int(eventlog_commit(log), 0, "they are committed");
        tap_eq_u64(eventlog_uncommitted(log), 0, "nothing waits");
        tap_eq_u64(eventlog_newest_seq(log), 2, "they count");
        tap_eq_u64(eventlog_oldest_seq(log), 1, "from the first");

        eventlog_free(TAKE_PTR(log));
        log = history_open(1 << 20);
        tap_ok(sd_id128_equal(epoch, eventlog_epoch(log)), "the history is the same");
        tap_eq_u64(eventlog_newest_seq(log), 2, "they are still there");
        history_fill(log, 3, 4, 1);
        tap_after(log, 0, "1-4", "and numbers go on");
        tap_eq_str(history_reports, "", "nothing to report");
}

static void test_what_is_not_committed_is_lost(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);

        history_fill(log, 1, 2, 1);
        must(history_append(log, 3) == 0);
        eventlog_free(TAKE_PTR(log));
        log = history_open(1 << 20);
        tap_after(log, 0, "1-2", "it is not there");
        history_fill(log, 3, 3, 1);
        tap_after(log, 0, "1-3", "and its number is free again");
}

static void test_segments_are_sealed_when_they_are_full(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        unsigned n_segments = 0, n_large = 0;
        uint64_t size = 0;

        history_fill(log, 1, 200, 1);
        for (const Segment *s = logfile_segment_of(log, 0); s;
             s = logfile_segment_after(log, s->first_seq)) {
                n_segments++;
                n_large += s->size > 4096;
                size += s->size;
        }
        tap_ok(n_segments > 10, "%u of them", n_segments);
        tap_eq_u64(n_large, 0, "none is larger than it may be");
        tap_eq_u64(eventlog_size(log), size, "together they have the size of all");
        tap_after(log, 0, "1-200", "nothing is lost");

        eventlog_free(TAKE_PTR(log));
        log = history_open(4096);
        tap_eq_u64(eventlog_size(log), size, "also after a restart");
        tap_after(log, 0, "1-200", "nor then");
        tap_eq_str(eventlog_position(log, "podman"), "200", "the position is the last one's");
        tap_eq_str(history_reports, "", "nothing to report");
}

static void test_a_batch_stays_together(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);

        history_fill(log, 1, 2, 1);
        history_fill(log, 3, 52, 50);
        tap_eq_u64(logfile_segment_of(log, 52)->first_seq, 3, "in a segment of its own");
        tap_ok(logfile_segment_of(log, 52)->size > 4096, "although that is too large");
        history_fill(log, 53, 53, 1);
        tap_eq_u64(logfile_segment_of(log, 53)->first_seq, 53, "the next comes to the next");
        tap_after(log, 0, "1-53", "nothing is lost");
}

static void test_the_oldest_segments_go_first(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(4096, 10000);
        uint64_t oldest;
        char want[64];

        must(eventlog_open(log) == 0);
        history_fill(log, 1, 20, 1);
        tap_eq_int(history_trim(log), 0, "small enough");
        tap_eq_u64(eventlog_oldest_seq(log), 1, "nothing goes");
        history_fill(log, 21, 200, 1);
        tap_ok(eventlog_size(log) > 10000, "too large");
        tap_eq_int(history_trim(log), 0, "trimmed");
        tap_ok(eventlog_size(log) <= 10000 && eventlog_size(log) > 10000 - 4096,
               "to what it may be, and no further");
        oldest = eventlog_oldest_seq(log);
        snprintf(want, sizeof(want), "%" PRIu64 "-200", oldest);
        tap_after(log, 0, want, "the newest are kept");

        eventlog_free(TAKE_PTR(log));
        log = history_open(4096);
        tap_eq_u64(eventlog_oldest_seq(log), oldest, "also after a restart");
        tap_after(log, 0, want, "are they there");
}

static void test_the_active_segment_is_never_trimmed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1 << 20, 1);

        must(eventlog_open(log) == 0);
        history_fill(log, 1, 20, 1);
        tap_eq_int(history_trim(log), 0, "nothing is small enough");
        tap_after(log, 0, "1-20", "what is written to stays");
}

static void test_one_writer(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096), *second = history_new(4096, 4096);
        const char *failure;

        history_fill(log, 1, 3, 1);
        tap_eq_int(eventlog_open(second), -EBUSY, "a second one is refused");
        failure = eventlog_failure(second);
        tap_ok(strstr(failure, HISTORY) && failure[strlen(failure) - 1] == '.', "and told why: %s",
               failure);
        tap_ok(!eventlog_is_open(second), "it is not open");
        history_fill(log, 4, 5, 1);
        eventlog_free(TAKE_PTR(log));
        tap_eq_int(eventlog_open(second), 0, "when the first has gone it may");
        tap_eq_str(eventlog_failure(second), "", "nothing is wrong any more");
        tap_after(second, 0, "1-5", "and finds all");
}

static void test_too_much_waits(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        uint64_t n = 0;
        char want[32];
        int r;

        while ((r = history_append(log, n + 1)) == 0)
                n++;
        tap_eq_int(r, -ENOBUFS, "after %" PRIu64 " events", n);
        tap_ok(eventlog_uncommitted(log) <= EVENTLOG_BATCH_MAX, "no more waits than may");
        tap_eq_int(eventlog_commit(log), 0, "they are committed");
        tap_eq_int(history_append(log, n + 1), 0, "and the next has the next number");
        tap_eq_int(eventlog_commit(log), 0, "which is committed too");
        snprintf(want, sizeof(want), "1-%" PRIu64, n + 1);
        tap_after(log, 0, want, "nothing is lost");
}

static void test_positions_of_sources(void)
{
        static const struct {
                const char *position, *podman, *docker;
        } rows[] = {
                { "podman 1", "1", NULL },
                { "docker x y", "1", "x y" },
                { NULL, "1", "x y" },
                { "podman 2", "2", "x y" },
        };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1); /* each in its own segment */
        _cleanup_event_ Event *event = event_numbered(1);
        uint64_t seq;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const char *before = eventlog_position(log, "podman");
                _cleanup_free_ char *copy = before ? strdup(before) : NULL;

                must(eventlog_append(log, event, rows[i].position, &seq) == 0);
                tap_eq_str(eventlog_position(log, "podman"), copy, "what waits does not count");
                must(eventlog_commit(log) == 0);
                tap_eq_str(eventlog_position(log, "podman"), rows[i].podman, "podman's");
                tap_eq_str(eventlog_position(log, "docker"), rows[i].docker, "docker's");
        }
        eventlog_free(TAKE_PTR(log));
        log = history_open(1);
        tap_eq_str(eventlog_position(log, "podman"), "2", "podman's, after a restart");
        tap_eq_str(eventlog_position(log, "docker"), "x y",
                   "docker's, of which no event is in the last segment");
        tap_ok(!eventlog_position(log, "iSulad"), "another has none");
        tap_eq_int(eventlog_append(log, event, "\"", &seq), -EINVAL, "a position that cannot be");
        tap_eq_u64(eventlog_uncommitted(log), 0, "nothing of it waits");
}

static void test_which_segment_a_number_is_in(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1);

        tap_eq_u64(logfile_segment_of(log, 1)->first_seq, 1, "the only one");
        tap_ok(!logfile_segment_after(log, 1), "none behind it");
        history_fill(log, 1, 9, 3); /* 1-3, 4-6, 7-9 */
        static const struct {
                uint64_t seq, of, after;
        } rows[] = { { 0, 1, 1 }, { 1, 1, 4 }, { 3, 1, 4 }, { 4, 4, 7 },
                     { 6, 4, 7 }, { 7, 7, 0 }, { 9, 7, 0 }, { 100, 7, 0 } };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const Segment *after = logfile_segment_after(log, rows[i].seq);

                tap_eq_u64(logfile_segment_of(log, rows[i].seq)->first_seq, rows[i].of,
                           "%" PRIu64 " is in that from", rows[i].seq);
                tap_eq_u64(after ? after->first_seq : 0, rows[i].after,
                           "behind it comes that from");
        }
}

/* ---- what cannot be ---- */

static void test_folders_that_cannot_be(void)
{
        static const struct {
                const char *label, *path;
                int result;
        } rows[] = {
                { "a file stands there", "file", -ENOTDIR },
                { "a file stands above", "file/history", -ENOTDIR },
                { "a link to nowhere", "nowhere", -ENOENT },
        };
        _scratch_ Scratch scratch = scratch_enter();

        file_write("file", "x");
        must(symlink("missing", "nowhere") == 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const EventLogOptions options = { .directory = rows[i].path };
                _cleanup_log_ EventLog *log = NULL;

                must(eventlog_new(&options, &log) == 0);
                tap_eq_int(eventlog_open(log), rows[i].result, "%s", rows[i].label);
                tap_ok(strstr(eventlog_failure(log), rows[i].path), "is told: %s",
                       eventlog_failure(log));
                tap_ok(!eventlog_is_open(log), "it is not open");
        }
}

/* A segment that cannot be made must not cost those that are there. */
static void test_a_segment_that_cannot_be_made(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1);

        history_fill(log, 1, 30, 1);
        eventlog_free(TAKE_PTR(log));
        must(unlink(SEGMENT_ACTIVE) == 0 && mkdir(HISTORY "/" SEGMENT_NEW_NAME, 0700) == 0);
        log = history_new(1, UINT64_MAX);
        tap_ok(eventlog_open(log) < 0, "a folder stands in the way");
        tap_ok(strstr(eventlog_failure(log), HISTORY), "it is told: %s", eventlog_failure(log));
        tap_ok(!eventlog_is_open(log), "it is not open");
        tap_eq_u64(eventlog_size(log), 0, "nothing is there");
        tap_after(log, 0, "", "nothing can be read");

        must(rmdir(HISTORY "/" SEGMENT_NEW_NAME) == 0);
        tap_eq_int(eventlog_open(log), 0, "when it is gone all is well");
        tap_after(log, 0, "1-29", "nothing was lost");
        history_fill(log, 30, 31, 1);
        tap_after(log, 0, "1-31", "and it goes on");
}

static void test_a_first_segment_that_cannot_be_made(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(1, UINT64_MAX);

        must(mkdir(HISTORY, 0700) == 0 && mkdir(HISTORY "/" SEGMENT_NEW_NAME, 0700) == 0);
        tap_ok(eventlog_open(log) < 0, "a folder stands in the way");
        must(rmdir(HISTORY "/" SEGMENT_NEW_NAME) == 0);
        tap_eq_int(eventlog_open(log), 0, "when it is gone all is well");
        history_fill(log, 1, 2, 1);
        tap_after(log, 0, "1-2", "from the first");
}

/* ---- a commit that fails ---- */

static void limit_files(rlim_t size)
{
        struct rlimit limit;

        must(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = size;
        must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* The file takes a part of the batch, and no more: as when the disk is full. */
static void test_a_commit_that_fails_halfway(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);
        uint64_t size;
        struct stat st;

        history_fill(log, 1, 20, 1);
        size = eventlog_size(log);
        for (uint64_t seq = 21; seq <= 25; seq++)
                must(history_append(log, seq) == 0);
        size_t waiting = eventlog_uncommitted(log);

        limit_files(size + 400);
        tap_eq_int(eventlog_commit(log), -EFBIG, "the file cannot grow");
        tap_ok(eventlog_failure(log)[0] != '\0', "it is told: %s", eventlog_failure(log));
        tap_eq_u64(eventlog_uncommitted(log), waiting, "everything still waits");
        tap_eq_u64(eventlog_newest_seq(log), 20, "nothing of it counts");
        tap_eq_str(eventlog_position(log, "podman"), "20", "nor does its position");
        tap_after(log, 0, "1-20", "what was committed can be read");
        tap_ok(stat(SEGMENT_ACTIVE, &st) == 0 && (uint64_t)st.st_size == size,
               "the piece was cut off");
        limit_files(300);
        tap_eq_int(eventlog_commit(log), -EFBIG, "nor do more bytes fit");
        tap_eq_u64(eventlog_uncommitted(log), waiting, "everything still waits");
        must(history_append(log, 26) == 0);

        limit_files(RLIM_INFINITY);
        tap_eq_int(eventlog_commit(log), 0, "now it can");
        tap_eq_str(eventlog_failure(log), "", "nothing is wrong any more");
        tap_after(log, 0, "1-26", "with the numbers that they had");
        tap_eq_u64(logfile_segment_of(log, 21)->first_seq, 1, "in the same segment");
        tap_eq_str(eventlog_position(log, "podman"), "26", "and the position");
        eventlog_free(TAKE_PTR(log));
        log = history_open(1 << 20);
        tap_after(log, 0, "1-26", "also after a restart");
}

static void test_a_rotation_that_fails(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1);

        history_fill(log, 1, 3, 1);
        must(history_append(log, 4) == 0 && mkdir(HISTORY "/" SEGMENT_NEW_NAME, 0700) == 0);
        tap_ok(eventlog_commit(log) < 0, "a folder stands in the way");
        tap_after(log, 0, "1-3", "what was committed can be read");
        tap_ok(eventlog_commit(log) < 0, "it still does");
        must(rmdir(HISTORY "/" SEGMENT_NEW_NAME) == 0);
        tap_eq_int(eventlog_commit(log), 0, "now it is gone");
        tap_after(log, 0, "1-4", "the event has its number");
        history_fill(log, 5, 6, 1);
        tap_after(log, 0, "1-6", "and it goes on");
}

/* A reader may have the segment open that makes room for another of the same first number. */
static void test_a_reader_of_a_segment_that_makes_room(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);
        _cleanup_reader_ LogReader *reader = NULL;

        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        tap_eq_str(history_rest(reader, text, sizeof(text)), "", "it waits in an empty one");
        must(unlink(SEGMENT_ACTIVE) == 0);
        history_fill(log, 1, 3, 1);
        tap_eq_str(history_rest(reader, text, sizeof(text)), "1-3", "and goes on in the new one");
}

/* ---- what others do in the folder ---- */

static void test_the_active_segment_is_removed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);

        history_fill(log, 1, 5, 1);
        must(unlink(SEGMENT_ACTIVE) == 0);
        history_fill(log, 6, 8, 1);
        tap_after(log, 0, "6-8", "what comes is kept, with its number");
        tap_ok(strstr(history_reports, "removed"), "it is said: %s", history_reports);
        eventlog_free(TAKE_PTR(log));
        log = history_open(1 << 20);
        tap_after(log, 0, "6-8", "also after a restart");
        history_fill(log, 9, 9, 1);
        tap_after(log, 0, "6-9", "and it goes on");
}

static void test_the_active_segment_is_cut(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);
        _cleanup_free_ char *bytes = NULL;

        history_fill(log, 1, 5, 1);
        bytes = file_read(SEGMENT_ACTIVE, NULL);
        must(truncate(SEGMENT_ACTIVE, strstr(bytes, "\"c4\"") - bytes) == 0);
        history_fill(log, 6, 8, 1);
        tap_after(log, 0, "1-3 6-8", "what is left can be read, and what comes");
        tap_ok(strstr(history_reports, "cut"), "it is said: %s", history_reports);
        eventlog_free(TAKE_PTR(log));
        log = history_open(1 << 20);
        tap_after(log, 0, "1-3 6-8", "also after a restart");
}

static void test_the_active_segment_is_replaced(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);
        _cleanup_free_ char *list = NULL;

        history_fill(log, 1, 5, 1);
        file_write("mine", "precious");
        must(rename("mine", SEGMENT_ACTIVE) == 0);
        history_fill(log, 6, 8, 1);
        tap_after(log, 0, "6-8", "what comes is kept");
        list = files(true);
        tap_ok(strstr(list, SEGMENT_QUARANTINE_MARK) && strstr(list, ":8 "),
               "and what stood there too: %s", list);
}

static void test_a_name_that_is_taken(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1);
        _cleanup_free_ char *list = NULL;

        history_fill(log, 1, 5, 5);
        file_write(SEGMENT_FROM(1), "precious");
        history_fill(log, 6, 8, 3);
        tap_after(log, 0, "1-8", "a sealed segment gets its name");
        list = files(true);
        tap_ok(strstr(list, "log" SEGMENT_QUARANTINE_MARK) && strstr(list, ":8 "),
               "and what had it is kept: %s", list);
}

static void test_the_folder_is_removed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20), *second = NULL;

        history_fill(log, 1, 5, 1);
        must(unlink(SEGMENT_ACTIVE) == 0 && unlink(HISTORY "/" EXIT_TABLE_NAME) == 0 &&
             unlink(HISTORY "/" RESERVATION_NAME) == 0 && rmdir(HISTORY) == 0);
        history_fill(log, 6, 8, 1);
        tap_after(log, 0, "6-8", "the history goes on in a new one");
        tap_ok(strstr(history_reports, "made again"), "it is said: %s", history_reports);
        second = history_new(4096, 4096);
        tap_eq_int(eventlog_open(second), -EBUSY, "which is locked too");
}

int main(void)
{
        must(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        test_a_new_history();
        test_folders_above_are_made();
        test_events_are_numbered_and_kept();
        test_what_is_not_committed_is_lost();
        test_segments_are_sealed_when_they_are_full();
        test_a_batch_stays_together();
        test_the_oldest_segments_go_first();
        test_the_active_segment_is_never_trimmed();
        test_one_writer();
        test_too_much_waits();
        test_positions_of_sources();
        test_which_segment_a_number_is_in();
        test_folders_that_cannot_be();
        test_a_segment_that_cannot_be_made();
        test_a_first_segment_that_cannot_be_made();
        test_a_commit_that_fails_halfway();
        test_a_rotation_that_fails();
        test_a_reader_of_a_segment_that_makes_room();
        test_the_active_segment_is_removed();
        test_the_active_segment_is_cut();
        test_the_active_segment_is_replaced();
        test_a_name_that_is_taken();
        test_the_folder_is_removed();
        return tap_done();
}
