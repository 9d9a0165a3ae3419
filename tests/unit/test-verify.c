/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a history: it finds each kind of damage where it is, finds nothing in one that is
 * good, and what it repairs is good afterwards and has all events that were.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "history.h"
#include "log/exit-table.h"
#include "log/reservation.h"
#include "log/verify.h"
#include "tap.h"

/* Some segments, and the last of them not full. */
#define N_EVENTS     40
#define SEGMENT_SIZE 4000

/* Stands before the C library's: a disk without room for another byte at the end of a file. */
static bool disk_full;

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
        struct stat st;

        must(fstat(fd, &st) == 0);
        if (disk_full && offset + (off_t)length > st.st_size) {
                errno = ENOSPC;
                return -1;
        }
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

/* ---- what is found ---- */

typedef struct Found {
        Finding first; /* problem */
        char file[256];
        char text[8192]; /* all, one a line */
        VerifyResult result;
} Found;

static void on_finding(const Finding *finding, void *userdata)
{
        Found *found = userdata;
        size_t n = strlen(found->text);

        if (finding->level == FINDING_PROBLEM && found->file[0] == '\0') {
                found->first = *finding;
                snprintf(found->file, sizeof(found->file), "%s", finding->file);
        }
        snprintf(found->text + n, sizeof(found->text) - n,
                 "# %s %s %s:%" PRIu64 ":%" PRIu64 " %s\n", finding_level_word(finding->level),
                 finding_kind_word(finding->kind), finding->file, finding->offset, finding->seq,
                 finding->text);
}

static int check(bool repair, Found *found)
{
        char failure[VERIFY_FAILURE_SIZE];
        const VerifyOptions options = {
                .directory = HISTORY, .repair = repair, .report = on_finding, .userdata = found
        };
        int r;

        *found = (Found){};
        r = verify_run(&options, &found->result, failure);
        if (r < 0)
                printf("# %s\n", failure);
        return r;
}

static bool is_good(const char *what)
{
        Found found;
        bool good;

        good = check(false, &found) == 0 && found.result.n_problems == 0 &&
               found.result.n_unexplained == 0;
        if (!good)
                printf("# %s:\n%s", what, found.text);
        return good;
}

/* ---- histories ---- */

/* A restart between, as it comes in life; all that can wait is done. */
static void make_history(void)
{
        for (uint64_t first = 1; first <= N_EVENTS; first += N_EVENTS / 2) {
                _cleanup_log_ EventLog *log = history_open(SEGMENT_SIZE);

                history_fill(log, first, first + N_EVENTS / 2 - 1, 3);
                while (eventlog_tend(log) > 0)
                        ;
        }
        must(chmod(HISTORY, 0750) == 0);
}

static void remove_history(void)
{
        must(nftw(HISTORY, scratch_remove, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static void flip(const char *name, size_t offset, unsigned bit)
{
        char path[512], byte;
        int fd;

        snprintf(path, sizeof(path), HISTORY "/%s", name);
        fd = open(path, O_RDWR | O_CLOEXEC);
        must(fd >= 0 && pread(fd, &byte, 1, (off_t)offset) == 1);
        byte = (char)(byte ^ 1 << bit);
        must(syscall(SYS_pwrite64, fd, &byte, 1, offset) == 1);
        close(fd);
}

/* Where the line with a number begins: in which file, at which byte. */
static size_t line_of(const char *path, unsigned number)
{
        _cleanup_free_ char *text = file_read(path, NULL);
        const char *line = text;

        must(text);
        while (--number > 0)
                line = strchr(line, '\n') + 1;
        return (size_t)(line - text);
}

/* ---- each kind ---- */

#define FIRST      "events-00000000000000000001.log"
#define FIRST_PATH HISTORY "/" FIRST

static void damage_line(void)
{
        flip(FIRST, line_of(FIRST_PATH, 4) + 30, 0);
}

static void damage_header(void)
{
        flip(FIRST, 10, 1);
}

static void damage_tail(void)
{
        file_append(SEGMENT_ACTIVE, "{\"Status\":\"di");
}

static void damage_sealed_tail(void)
{
        file_append(FIRST_PATH, "{\"Status\":\"di");
}

/* Line 4 is there once more, as line 5. */
static void damage_order(void)
{
        size_t length = 0, from = line_of(FIRST_PATH, 4), to = line_of(FIRST_PATH, 5);
        _cleanup_free_ char *text = file_read(FIRST_PATH, &length);

        must(truncate(FIRST_PATH, (off_t)to) == 0);
        file_put(FIRST_PATH, text + from, to - from, O_APPEND);
        file_put(FIRST_PATH, text + to, length - to, O_APPEND);
}

static void damage_index(void)
{
        flip("events-00000000000000000001.index", 700, 2);
}

static void damage_index_header(void)
{
        flip("events-00000000000000000001.index", 30, 2);
}

/* The index is intact, but the line that it is of is another one, which is intact too. */
static void change_line(void)
{
        const size_t from = line_of(FIRST_PATH, 4), to = line_of(FIRST_PATH, 5);
        _cleanup_event_ Event *event = event_numbered(3), *other = NULL;
        _cleanup_free_ char *line = NULL;
        EventFields fields = *event_fields(event);
        size_t length;
        int fd;

        fields.name = "x3";
        other = event_of(&fields);
        must(record_format(other, 3, "podman 3", &line, &length) == 0 && length == to - from);
        fd = open(FIRST_PATH, O_WRONLY | O_CLOEXEC);
        must(fd >= 0 && syscall(SYS_pwrite64, fd, line, length, from) == (long)length);
        close(fd);
}

static void damage_exits(void)
{
        flip(EXIT_TABLE_NAME, 20, 2);
}

/* Intact, but what it says is not so. */
static void lie_in_exits(void)
{
        _cleanup_event_ Event *event = event_numbered(N_EVENTS + 3);
        _cleanup_(exit_table_freep) ExitTable *table = NULL;
        _cleanup_log_ EventLog *log = history_open(SEGMENT_SIZE);

        must(exit_table_open(logfile_directory_fd(log), eventlog_epoch(log), &table) == 0);
        must(exit_table_put(table, event_fields(event)) == 0);
}

static void damage_reserved(void)
{
        flip(RESERVATION_NAME, 100, 2);
        flip(RESERVATION_NAME, 4096 + 100, 2);
}

static void open_to_others(void)
{
        must(chmod(FIRST_PATH, 0644) == 0);
}

static void open_folder(void)
{
        must(chmod(HISTORY, 0755) == 0);
}

static void rename_segment(void)
{
        must(rename(FIRST_PATH, HISTORY "/events-00000000000000000002.log") == 0);
}

static void replace_segment(void)
{
        must(unlink(FIRST_PATH) == 0 && mkdir(FIRST_PATH, 0700) == 0);
}

static void each_kind_is_found(void)
{
        static const struct {
                const char *label;
                void (*damage)(void);
                const char *file;
                uint64_t seq;
                FindingKind kind;
                unsigned line; /* 0: of no line */
                bool stays;    /* after a repair */
        } rows[] = {
                { "a damaged line", damage_line, FIRST, 0, FINDING_LINE, 4, false },
                { "a damaged header", damage_header, FIRST, 0, FINDING_HEADER, 1, false },
                { "a torn end", damage_tail, "events.log", 0, FINDING_TAIL, 0, false },
                { "a torn sealed one", damage_sealed_tail, FIRST, 0, FINDING_TAIL, 0, false },
                { "a number twice", damage_order, FIRST, 3, FINDING_ORDER, 5, false },
                { "a damaged index", damage_index, "events-00000000000000000001.index", 0,
                  FINDING_INDEX, 0, false },
                { "an index's header", damage_index_header, "events-00000000000000000001.index", 0,
                  FINDING_INDEX, 0, false },
                { "an index of another line", change_line, "events-00000000000000000001.index", 0,
                  FINDING_INDEX, 0, false },
                { "a damaged table", damage_exits, EXIT_TABLE_NAME, 0, FINDING_EXITS, 0, false },
                { "a table that lies", lie_in_exits, EXIT_TABLE_NAME, N_EVENTS, FINDING_EXITS, 0,
                  false },
                { "damaged reserved numbers", damage_reserved, RESERVATION_NAME, 0,
                  FINDING_RESERVATION, 0, false },
                { "a file that others read", open_to_others, FIRST, 0, FINDING_ACCESS, 0, false },
                { "a folder that others read", open_folder, ".", 0, FINDING_ACCESS, 0, false },
                { "a wrong name", rename_segment, "events-00000000000000000002.log", 0,
                  FINDING_HEADER, 1, false },
                { "what is no file", replace_segment, FIRST, 0, FINDING_UNREADABLE, 0, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Found found;
                bool same;

                make_history();
                rows[i].damage();
                must(check(false, &found) == 0);
                same = found.result.n_problems > 0 && found.first.kind == rows[i].kind &&
                       strcmp(found.file, rows[i].file) == 0 && found.first.seq == rows[i].seq &&
                       (rows[i].line == 0 || found.first.line == rows[i].line);
                if (same && rows[i].line > 0 && rows[i].kind != FINDING_TAIL) {
                        char path[512];

                        snprintf(path, sizeof(path), HISTORY "/%s", found.file);
                        same = found.first.offset == line_of(path, rows[i].line);
                }
                tap_ok(same, "%s is found", rows[i].label);
                if (!same)
                        printf("%s", found.text);
                must(check(true, &found) == 0);
                if (!rows[i].stays && !tap_ok(found.result.n_repairs > 0 && is_good("repaired"),
                                              "%s is repaired", rows[i].label))
                        printf("%s", found.text);
                remove_history();
        }
}

/* ---- each bit ---- */

/* Every so many bytes of each file; no divisor of what the files are made of. */
#define FLIP_STEP   37
#define REPAIR_STEP 211

static size_t list_files(char names[][64], size_t n_max)
{
        DIR *directory = opendir(HISTORY);
        struct dirent *entry;
        size_t n = 0;

        must(directory);
        while ((entry = readdir(directory)))
                if (entry->d_type == DT_REG) {
                        must(n < n_max);
                        snprintf(names[n++], sizeof(names[0]), "%.63s", entry->d_name);
                }
        closedir(directory);
        return n;
}

static size_t size_of(const char *name)
{
        char path[512];
        struct stat st;

        snprintf(path, sizeof(path), HISTORY "/%s", name);
        must(stat(path, &st) == 0);
        return (size_t)st.st_size;
}

static void each_flipped_bit_is_found(void)
{
        uint64_t state = 20261122;
        char names[32][64];
        unsigned n_missed = 0, n = 0;
        size_t n_files;

        make_history();
        n_files = list_files(names, ELEMENTSOF(names));
        for (size_t i = 0; i < n_files; i++)
                for (size_t at = 0; at < size_of(names[i]); at += FLIP_STEP, n++) {
                        const unsigned bit = random_below(&state, 8);
                        Found found;

                        flip(names[i], at, bit);
                        must(check(false, &found) == 0);
                        if (found.result.n_problems == 0 && n_missed++ < 5)
                                printf("# missed: bit %u of byte %zu of %s\n", bit, at, names[i]);
                        flip(names[i], at, bit);
                }
        tap_eq_int(n_missed, 0, "of %u flipped bits none is missed", n);
        tap_ok(is_good("as it was"), "flipped back it is good");
        remove_history();
}

/* How many events there are, all good, and the next number is none that was given. */
static bool opens_with(uint64_t at_least)
{
        _cleanup_log_ EventLog *log = history_open(SEGMENT_SIZE);
        _cleanup_reader_ LogReader *reader = NULL;
        _cleanup_event_ Event *event = event_numbered(1);
        uint64_t n = 0, seq, next;
        const char *line;
        size_t length;

        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        while (history_next(reader, &line, &length) > 0) {
                seq = log_reader_seq(reader);
                if (!is_event_numbered(line, length, seq))
                        return false;
                n++;
        }
        return eventlog_append(log, event, NULL, &next) == 0 && next > N_EVENTS && n >= at_least;
}

static void each_flipped_bit_is_repaired(void)
{
        uint64_t state = 4711;
        char names[32][64];
        unsigned n_bad = 0, n = 0;
        size_t n_files;

        make_history();
        n_files = list_files(names, ELEMENTSOF(names));
        for (size_t i = 0; i < n_files; i++) {
                const size_t size = size_of(names[i]);

                for (size_t at = 5; at < size; at += REPAIR_STEP, n++) {
                        Found found;

                        remove_history();
                        make_history();
                        flip(names[i], at, random_below(&state, 8));
                        must(check(true, &found) == 0);
                        /* A newline joins two lines. */
                        if (is_good("after a repair") && opens_with(N_EVENTS - 2))
                                continue;
                        if (n_bad++ < 5)
                                printf("# not repaired: byte %zu of %s\n%s", at, names[i],
                                       found.text);
                }
        }
        tap_eq_int(n_bad, 0, "%u flipped bits are repaired", n);
        remove_history();
}

/* ---- good ones ---- */

static void record(EventLog *log, uint64_t seq, uint64_t *state)
{
        char id[65], exec_id[65];
        EventFields fields = {
                .type = "container",
                .status = "health_status",
                .id = id,
                .name = "web",
                .engine = "podman",
                .time_nsec = SAMPLE_TIME + random_below(state, 1000000),
                .health_status = "healthy",
        };
        _cleanup_event_ Event *event = NULL;
        uint64_t got;

        /* Containers that are restarted, and end with other codes. */
        snprintf(id, sizeof(id), "%064u", random_below(state, 20));
        if (random_below(state, 4) == 0) {
                fields.status = "exec_died";
                fields.health_status = NULL;
                fields.reason = random_below(state, 2) == 0 ? "health_check" : NULL;
                fields.exec_id = exec_id;
                fields.has_exit_code = true;
                fields.evidence = "exit-file";
                snprintf(exec_id, sizeof(exec_id), "%064" PRIu64, *state);
        } else if (random_below(state, 3) == 0) {
                fields.status = random_below(state, 4) == 0 ? "remove" : "died";
                fields.exit_code = (int32_t)random_below(state, 4);
                fields.has_exit_code = random_below(state, 5) > 0;
                fields.health_status = NULL;
        }
        event = event_of(&fields);
        must(eventlog_append(log, event, NULL, &got) == 0 && got >= seq);
}

static void a_good_history_is_good(void)
{
        uint64_t state = 98;
        unsigned n_bad = 0;

        for (unsigned round = 0; round < 30; round++) {
                _cleanup_log_ EventLog *log = history_new(3000, 20000);

                must(eventlog_open(log) == 0);
                must(chmod(HISTORY, 0750) == 0);
                for (unsigned i = 0; i < 60; i++) {
                        record(log, 0, &state);
                        disk_full = random_below(&state, 20) == 0;
                        if (eventlog_commit(log) < 0 && eventlog_reserve(log) == 0)
                                record(log, 0, &state);
                        disk_full = false;
                        must(eventlog_commit(log) == 0);
                        if (random_below(&state, 10) == 0)
                                must(history_trim(log) == 0);
                        if (random_below(&state, 3) == 0)
                                (void)eventlog_tend(log);
                }
                n_bad += !is_good("while it is written");
                eventlog_free(TAKE_PTR(log));
                n_bad += !is_good("behind it");
        }
        tap_eq_int(n_bad, 0, "after rotation, thinning, removal and full disks it is good");
        remove_history();
}

static void what_is_being_written_is_no_problem(void)
{
        Found found;
        int fd;

        make_history();
        file_append(SEGMENT_ACTIVE, "{\"Status\":\"di");
        fd = open(HISTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        must(fd >= 0 && flock(fd, LOCK_EX) == 0);
        tap_ok(is_good("locked"), "an end that is not whole yet, while somebody writes");
        tap_eq_int(check(true, &found), -EBUSY, "then it cannot be repaired");
        close(fd);
        tap_ok(check(false, &found) == 0 && found.result.n_problems == 1, "else it is torn");
        remove_history();
}

/* What a torn end may have had is not given again, even when nobody sees the end any more. */
static void numbers_are_not_given_again(void)
{
        _cleanup_event_ Event *event = event_numbered(1);
        uint64_t next = 0;
        Found found;
        size_t size;

        make_history();
        size = size_of(SEGMENT_ACTIVE_NAME);
        flip(SEGMENT_ACTIVE_NAME, size - 40, 0);
        must(check(true, &found) == 0);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_log_ EventLog *log = history_open(SEGMENT_SIZE);

                must(eventlog_append(log, event, NULL, &next) == 0);
                tap_ok(next > N_EVENTS, "the next number is %" PRIu64, next);
        }
        remove_history();
}

static void holes_are_told(void)
{
        Found found;

        make_history();
        must(unlink(HISTORY "/events-00000000000000000001.log") == 0);
        tap_ok(is_good("the oldest is gone"), "what retention removed is no hole");
        must(check(false, &found) == 0);
        tap_ok(strstr(found.text, "leftover") != NULL, "its index is left over");
        remove_history();

        make_history();
        {
                size_t length = 0, from = line_of(FIRST_PATH, 4), to = line_of(FIRST_PATH, 6);
                _cleanup_free_ char *text = file_read(FIRST_PATH, &length);

                must(truncate(FIRST_PATH, (off_t)from) == 0);
                file_put(FIRST_PATH, text + to, length - to, O_APPEND);
        }
        must(check(false, &found) == 0);
        tap_eq_u64(found.result.n_unexplained, 2, "two lines that were cut out are missed");
        if (!tap_ok(strstr(found.text, "numbers 3 to 4") != NULL, "and their numbers told"))
                printf("%s", found.text);
        remove_history();
}

int main(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        umask(027);
        each_kind_is_found();
        what_is_being_written_is_no_problem();
        numbers_are_not_given_again();
        holes_are_told();
        a_good_history_is_good();
        each_flipped_bit_is_found();
        each_flipped_bit_is_repaired();
        return tap_done();
}
