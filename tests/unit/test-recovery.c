/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>

#include "history.h"
#include "log/exit-table.h"
#include "log/index-file.h"
#include "log/key-filter.h"
#include "log/recovery.h"
#include "tap.h"

static char text[4096];

#define tap_after(log, after, want, ...)                                                           \
        tap_eq_str(history_after((log), (after), text, sizeof(text)), (want), __VA_ARGS__)

/* A closed history of events 1 to "last", in segments of "batch" each; the epoch. */
static sd_id128_t make_history(uint64_t last, unsigned batch)
{
        _cleanup_log_ EventLog *log = history_open(1);

        history_fill(log, 1, last, batch);
        return eventlog_epoch(log);
}

/* How many files in the history have a name that goes on like this; the last of them in "path". */
static unsigned count_files(const char *with, char path[static 512])
{
        _cleanup_closedir_ DIR *folder = opendir(HISTORY);
        const struct dirent *entry;
        unsigned n = 0;

        must(folder);
        while ((entry = readdir(folder)))
                if (strstr(entry->d_name, with)) {
                        snprintf(path, 512, HISTORY "/%s", entry->d_name);
                        n++;
                }
        return n;
}

static void test_a_torn_tail_is_moved_away(void)
{
        static const char zeros[8192];
        static const struct {
                const char *label;
                const char *tail;
                size_t length;
                uint64_t next; /* the number that comes next */
        } rows[] = {
                { "a piece of a line", "{\"ContainerExitCode\":1,\"ID", 25, 4 },
                { "zero blocks", zeros, sizeof(zeros), 4 },
                { "one byte", "x", 1, 4 },
                { "a piece that needs no quotes", "\n", 1, 5 },
                { "a whole line that is damaged", "{\"Seq\":4}\n", 10, 5 },
                { "two of them and a piece", "{\"Seq\":4}\n{\"Seq\":5}\n{", 21, 6 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                sd_id128_t epoch = make_history(3, 3);
                _cleanup_log_ EventLog *log = NULL;
                _cleanup_free_ char *moved = NULL;
                char path[512] = "";
                size_t length = 0;

                file_put(SEGMENT_ACTIVE, rows[i].tail, rows[i].length, O_APPEND);
                log = history_open(1 << 20);
                tap_after(log, 0, "1-3", "%s: nothing else is lost", rows[i].label);
                tap_ok(sd_id128_equal(epoch, eventlog_epoch(log)), "the history is the same");
                tap_eq_u64(count_files(SEGMENT_QUARANTINE_MARK, path), 1, "there is a quarantine");
                moved = file_read(path, &length);
                tap_ok(length == rows[i].length && memcmp(moved, rows[i].tail, length) == 0,
                       "with what was torn");
                tap_ok(strstr(history_reports, strrchr(path, '/') + 1), "it is said: %s",
                       history_reports);

                history_fill(log, rows[i].next, rows[i].next + 1, 1);
                tap_eq_u64(eventlog_newest_seq(log), rows[i].next + 1, "it goes on");
                eventlog_free(TAKE_PTR(log));
                log = history_open(1 << 20);
                tap_eq_str(history_reports, "", "the next start finds nothing wrong");
                tap_eq_u64(eventlog_newest_seq(log), rows[i].next + 1, "and all events");
        }
}

/* A power cut at any byte of the last commit. */
static void test_a_history_that_ends_anywhere(void)
{
        unsigned n_wrong = 0;
        size_t size;

        {
                _scratch_ Scratch scratch = scratch_enter();
                make_history(3, 3);
                free(file_read(SEGMENT_ACTIVE, &size));
        }
        for (size_t length = 0; length <= size; length += length < 300 ? 7 : 3) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_free_ char *bytes = NULL;
                _cleanup_log_ EventLog *log = NULL;
                _cleanup_event_ Event *event = event_numbered(77);
                unsigned n_lines = 0;
                char want[32] = "";
                uint64_t seq = 0;

                make_history(3, 3);
                bytes = file_read(SEGMENT_ACTIVE, NULL);
                for (size_t i = 0; i < length; i++)
                        n_lines += bytes[i] == '\n';
                must(truncate(SEGMENT_ACTIVE, (off_t)length) == 0);
                log = history_open(1 << 20);
                if (n_lines > 1)
                        snprintf(want, sizeof(want), n_lines > 2 ? "1-%u" : "1", n_lines - 1);
                n_wrong += strcmp(history_after(log, 0, text, sizeof(text)), want) != 0;
                n_wrong += eventlog_append(log, event, NULL, &seq) != 0 || seq < n_lines;
                n_wrong += eventlog_commit(log) != 0;
        }
        tap_eq_u64(n_wrong, 0, "all before the cut is there, and it goes on behind it");
}

/* ---- any flipped bit ---- */

#define FLIP_LAST 9

static const char *const flip_files[] = { SEGMENT_FROM(1), SEGMENT_FROM(4), SEGMENT_ACTIVE };

typedef struct Flipped {
        char *bytes; /* owned */
        size_t size;
} Flipped;

/*
 * Which events a flipped bit may cost: the one on its line; with the end of a line also the one
 * on the next. "file" has FLIP_LAST / 3 events behind its header.
 */
static bool may_be_lost(const Flipped *file, size_t i_file, size_t offset, uint64_t seq)
{
        uint64_t line = 0;

        for (size_t i = 0; i < offset; i++)
                line += file->bytes[i] == '\n';
        if ((seq - 1) / 3 != i_file)
                return false;
        seq = (seq - 1) % 3 + 1; /* its line */
        return seq == line || (file->bytes[offset] == '\n' && seq == line + 1);
}

/* Opens the damaged history. Returns what is wrong with it, or NULL. */
static const char *check_flipped(const Flipped *file, size_t i_file, size_t offset,
                                 sd_id128_t epoch)
{
        _cleanup_log_ EventLog *log = history_new(1 << 20, UINT64_MAX);
        _cleanup_reader_ LogReader *reader = NULL;
        _cleanup_event_ Event *event = event_numbered(77);
        uint64_t last = 0, next = 0;
        const char *line;
        size_t length;
        int r;

        if (eventlog_open(log) < 0)
                return eventlog_failure(log);
        if (!sd_id128_equal(eventlog_epoch(log), epoch))
                return "the epoch is another one";
        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        while ((r = log_reader_next(reader, &line, &length)) > 0) {
                uint64_t seq = log_reader_seq(reader);

                if (seq > FLIP_LAST || !is_event_numbered(line, length, seq))
                        return "an event was invented";
                for (last++; last < seq; last++)
                        if (!may_be_lost(file, i_file, offset, last))
                                return "an event was lost that is intact";
        }
        if (r < 0)
                return "reading failed";
        for (last++; last <= FLIP_LAST; last++)
                if (!may_be_lost(file, i_file, offset, last))
                        return "an event at the end was lost that is intact";
        /* Not each is committed, since a disk is slow. */
        if (eventlog_append(log, event, NULL, &next) < 0 ||
            (offset % 32 == 0 && eventlog_commit(log) < 0))
                return "nothing can be recorded any more";
        if (next <= FLIP_LAST)
                return "a number was given out twice";
        return NULL;
}

static void empty_history(void)
{
        _cleanup_closedir_ DIR *folder = opendir(HISTORY);
        const struct dirent *entry;

        must(folder);
        while ((entry = readdir(folder)))
                if (entry->d_name[0] != '.')
                        must(unlinkat(dirfd(folder), entry->d_name, 0) == 0);
}

static void test_any_flipped_bit_costs_only_its_line(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        sd_id128_t epoch = make_history(FLIP_LAST, 3);
        Flipped files[3];
        unsigned n_wrong = 0, n = 0;

        for (size_t i = 0; i < 3; i++)
                files[i].bytes = file_read(flip_files[i], &files[i].size);
        must(files[0].bytes && files[1].bytes && files[2].bytes);

        for (size_t i = 0; i < 3; i++)
                for (size_t offset = 0; offset < files[i].size; offset++, n++) {
                        char flipped = (char)(files[i].bytes[offset] ^ (1 << (offset * 5 + n) % 8));
                        _cleanup_close_ int fd = -1;
                        const char *wrong;

                        empty_history();
                        for (size_t k = 0; k < 3; k++)
                                file_put(flip_files[k], files[k].bytes, files[k].size, 0);
                        fd = open(flip_files[i], O_WRONLY | O_CLOEXEC);
                        must(fd >= 0 && pwrite(fd, &flipped, 1, (off_t)offset) == 1);

                        wrong = check_flipped(files + i, i, offset, epoch);
                        if (wrong && n_wrong++ < 10)
                                printf("# %s, byte %zu ('%c' for '%c'): %s\n", flip_files[i],
                                       offset, flipped, files[i].bytes[offset], wrong);
                }
        tap_eq_u64(n_wrong, 0, "at each of %u bytes", n);
        for (size_t i = 0; i < 3; i++)
                free(files[i].bytes);
}

/* ---- what a crash in a rotation leaves ---- */

static void test_no_active_segment(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        sd_id128_t epoch = make_history(9, 3);
        _cleanup_log_ EventLog *log = NULL;

        must(rename(SEGMENT_ACTIVE, SEGMENT_FROM(7)) == 0);
        log = history_open(1 << 20);
        tap_after(log, 0, "1-9", "nothing is lost");
        tap_ok(sd_id128_equal(epoch, eventlog_epoch(log)), "the history is the same");
        tap_eq_str(eventlog_position(log, "podman"), "9", "the newest sealed one has the position");
        tap_ok(file_exists(SEGMENT_ACTIVE), "there is one again");
        history_fill(log, 10, 10, 1);
        tap_after(log, 8, "9-10", "and it goes on");
        tap_eq_str(history_reports, "", "nothing to report");
}

/* Its positions are in its header, and its first number says where the history is. */
static void test_an_active_segment_without_events(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;
        char *line;

        make_history(9, 3);
        _cleanup_free_ char *bytes = file_read(SEGMENT_ACTIVE, NULL);
        line = strchr(bytes, '\n') + 1;
        must(truncate(SEGMENT_ACTIVE, line - bytes) == 0);
        log = history_open(1 << 20);
        tap_after(log, 0, "1-6", "what is left");
        tap_eq_u64(eventlog_newest_seq(log), 6, "the newest");
        tap_eq_str(eventlog_position(log, "podman"), "6", "its position");
        history_fill(log, 7, 7, 1);
        tap_after(log, 5, "6-7", "it goes on");
}

static void test_a_new_segment_that_was_not_in_place(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;

        make_history(9, 3);
        file_write(HISTORY "/" SEGMENT_NEW_NAME, "{\"Status\":\"segm");
        log = history_open(1 << 20);
        tap_after(log, 0, "1-9", "nothing is lost");
        tap_ok(!file_exists(HISTORY "/" SEGMENT_NEW_NAME), "the piece is removed");
        tap_eq_str(history_reports, "", "nothing to report");
}

/* What a crash left of files that were being made. */
static void test_files_that_were_not_in_place(void)
{
        static const char *const names[] = {
                HISTORY "/" SEGMENT_NEW_NAME,    HISTORY "/" SEGMENT_REWRITE_NAME,
                HISTORY "/" INDEX_FILE_NEW_NAME, HISTORY "/" KEY_FILTER_NEW_NAME,
                HISTORY "/" EXIT_TABLE_NEW_NAME,
        };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;

        make_history(9, 3);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                file_write(names[i], "a piece");
        log = history_open(1 << 20);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                tap_ok(!file_exists(names[i]), "%s is removed", names[i]);
        tap_eq_str(history_reports, "", "nothing to report");
}

static void test_an_active_segment_of_nothing(void)
{
        static const struct {
                const char *label;
                const char *content;
                bool said;
        } rows[] = {
                { "empty", "", false },
                { "a piece of a header", "{\"Status\":\"segm", true },
                { "rubbish", "rubbish\n", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                sd_id128_t epoch = make_history(9, 3);
                _cleanup_log_ EventLog *log = NULL;
                uint64_t seq = 0;

                file_write(SEGMENT_ACTIVE, rows[i].content);
                log = history_open(1 << 20);
                tap_after(log, 0, "1-6", "%s: what is left", rows[i].label);
                tap_ok(sd_id128_equal(epoch, eventlog_epoch(log)), "the history is the same");
                tap_ok((*history_reports != '\0') == rows[i].said, "it is said: %s",
                       history_reports);
                _cleanup_event_ Event *event = event_numbered(1);
                must(eventlog_append(log, event, NULL, &seq) == 0 && eventlog_commit(log) == 0);
                tap_ok(seq > 6, "it goes on with %" PRIu64, seq);
        }
}

/* ---- what is not ours, or not whole ---- */

static void test_foreign_files_are_left_alone(void)
{
        static const char *const names[] = { HISTORY "/notes.txt", HISTORY "/events-1.log",
                                             HISTORY "/events.log.old" };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;

        make_history(9, 3);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                file_write(names[i], "mine");
        file_write(HISTORY "/.hidden", "mine");
        file_write(HISTORY "/events.log" SEGMENT_QUARANTINE_MARK "1", "old");
        log = history_open(1 << 20);
        tap_after(log, 0, "1-9", "nothing is lost");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *content = file_read(names[i], NULL);

                tap_eq_str(content, "mine", "%s is as it was", names[i]);
                tap_ok(strstr(history_reports, strchr(names[i], '/') + 1), "and said");
        }
        tap_ok(!strstr(history_reports, "hidden") && !strstr(history_reports, "quarantine"),
               "hidden ones and old quarantine are not said");
}

static void test_a_segment_of_another_history(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;
        sd_id128_t epoch;

        make_history(9, 3);
        must(rename(HISTORY, "other") == 0);
        epoch = make_history(9, 3);
        must(rename("other/"
                    "events-00000000000000000004.log",
                    SEGMENT_FROM(4)) == 0);
        log = history_open(1 << 20);
        tap_ok(sd_id128_equal(epoch, eventlog_epoch(log)), "the history is the active one's");
        tap_after(log, 0, "1-3 7-9", "what is not of it is left out");
        tap_ok(strstr(history_reports, "events-00000000000000000004.log"), "and said: %s",
               history_reports);
        tap_ok(file_exists(SEGMENT_FROM(4)), "but not touched");
}

static void test_a_segment_with_a_wrong_name(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;

        make_history(9, 3);
        must(rename(SEGMENT_FROM(4), SEGMENT_FROM(5)) == 0);
        log = history_open(1 << 20);
        tap_after(log, 0, "1-3 7-9", "it is left out");
        tap_ok(strstr(history_reports, "events-00000000000000000005.log"), "and said: %s",
               history_reports);
}

/* A header in a format that is to come, in the place of a file's own. */
static void set_format(const char *path, int64_t format)
{
        _cleanup_free_ char *bytes = file_read(path, NULL), *line = NULL, *whole = NULL;
        RecordHeader header = {};
        char *rest;
        size_t length;

        must(bytes);
        rest = strchr(bytes, '\n');
        must(record_parse_header(bytes, (size_t)(rest - bytes), &header) == 0);
        header.format = format;
        must(record_format_header(&header, &line, &length) == 0);
        record_header_done(&header);
        must(asprintf(&whole, "%s%s", line, rest + 1) > 0);
        file_write(path, whole);
}

static void test_a_newer_format_is_refused(void)
{
        static const char *const paths[] = { SEGMENT_ACTIVE, SEGMENT_FROM(1) };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_log_ EventLog *log = NULL;
                _cleanup_free_ char *before = NULL, *after = NULL;

                make_history(9, 3);
                set_format(paths[i], RECORD_FORMAT + 1);
                file_append(SEGMENT_ACTIVE, "a tail that it may have");
                before = file_read(SEGMENT_ACTIVE, NULL);
                log = history_new(1 << 20, UINT64_MAX);
                tap_eq_int(eventlog_open(log), -EPROTONOSUPPORT, "%s", paths[i]);
                tap_ok(strstr(eventlog_failure(log), strchr(paths[i], '/') + 1) &&
                               strstr(eventlog_failure(log), "2"),
                       "is told: %s", eventlog_failure(log));
                after = file_read(SEGMENT_ACTIVE, NULL);
                if (i == 0)
                        tap_eq_str(after, before, "nothing was touched");
        }
}

static void damage_header(const char *path)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        must(fd >= 0 && pwrite(fd, "X", 1, 5) == 1);
}

static void test_damaged_headers(void)
{
        static const struct {
                const char *label;
                const char *files[3];
                bool same_epoch;
        } rows[] = {
                { "of a sealed segment", { SEGMENT_FROM(1) }, true },
                { "of the newest sealed one", { SEGMENT_FROM(4) }, true },
                { "of the active one", { SEGMENT_ACTIVE }, true },
                { "of all", { SEGMENT_FROM(1), SEGMENT_FROM(4), SEGMENT_ACTIVE }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                sd_id128_t epoch = make_history(9, 3);
                _cleanup_log_ EventLog *log = NULL;

                for (size_t k = 0; k < 3 && rows[i].files[k]; k++)
                        damage_header(rows[i].files[k]);
                log = history_open(1 << 20);
                tap_after(log, 0, "1-9", "%s: the events stay", rows[i].label);
                tap_ok(sd_id128_equal(epoch, eventlog_epoch(log)) == rows[i].same_epoch,
                       "the history is the same, or not");
                tap_ok(strstr(history_reports, "header"), "it is said: %s", history_reports);
                tap_eq_str(eventlog_position(log, "podman"), "9", "the position is known");
                history_fill(log, 10, 11, 1);
                eventlog_free(TAKE_PTR(log));
                log = history_open(1 << 20);
                tap_after(log, 0, "1-11", "it goes on, also after a restart");
        }
}

static void test_what_stands_where_a_segment_should(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;

        make_history(9, 3);
        must(unlink(SEGMENT_FROM(4)) == 0 && mkfifo(SEGMENT_FROM(4), 0600) == 0);
        log = history_open(1 << 20);
        tap_after(log, 0, "1-3 7-9", "a FIFO is left out, and stops nobody");
        tap_ok(strstr(history_reports, "events-00000000000000000004.log"), "and said: %s",
               history_reports);
        eventlog_free(TAKE_PTR(log));

        must(unlink(SEGMENT_ACTIVE) == 0 && symlink("/etc/passwd", SEGMENT_ACTIVE) == 0);
        log = history_new(1 << 20, UINT64_MAX);
        tap_eq_int(eventlog_open(log), -ELOOP, "an active segment that is a link is refused");
        tap_ok(strstr(eventlog_failure(log), "events.log"), "and told: %s", eventlog_failure(log));
}

/* ---- the function itself ---- */

static void test_what_recovery_tells(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        char failure[RECOVERY_FAILURE_SIZE] = "x";
        _cleanup_close_ int folder = -1;
        Recovery recovery;

        make_history(9, 3);
        file_append(SEGMENT_ACTIVE, "torn\n");
        folder = open(HISTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        tap_eq_int(recovery_run(folder, NULL, NULL, &recovery, failure), 0, "nobody need listen");
        tap_eq_str(failure, "", "no failure");
        tap_eq_u64(recovery.n_segments, 3, "three segments");
        tap_ok(recovery.segments[2].active && !recovery.segments[1].active, "the active one last");
        tap_ok(recovery.active_fd >= 0, "and open");
        tap_eq_u64(recovery.newest_seq, 9, "the newest number");
        tap_eq_u64(recovery.next_seq, 11, "the next, past what is in doubt");
        recovery_done(&recovery);
        tap_ok(!recovery.segments && recovery.active_fd < 0, "it is let go");
        tap_ok(recovery_run(-1, NULL, NULL, &recovery, failure) < 0 && *failure, "no folder: %s",
               failure);
}

int main(void)
{
        test_a_torn_tail_is_moved_away();
        test_a_history_that_ends_anywhere();
        test_any_flipped_bit_costs_only_its_line();
        test_no_active_segment();
        test_an_active_segment_without_events();
        test_a_new_segment_that_was_not_in_place();
        test_files_that_were_not_in_place();
        test_an_active_segment_of_nothing();
        test_foreign_files_are_left_alone();
        test_a_segment_of_another_history();
        test_a_segment_with_a_wrong_name();
        test_a_newer_format_is_refused();
        test_damaged_headers();
        test_what_stands_where_a_segment_should();
        test_what_recovery_tells();
        return tap_done();
}
