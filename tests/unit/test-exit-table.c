/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of exit codes, alone and behind a log: it tells what a walk over all events tells, or
 * nothing.
 */

#include <errno.h>

#include "history.h"
#include "log/exit-table.h"
#include "tap.h"

#define _cleanup_table_ _cleanup_(exit_table_freep)

#define EPOCH SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 10)

static int open_folder(void)
{
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        must(fd >= 0);
        return fd;
}

static ExitTable *table_of(int fd)
{
        ExitTable *table;

        must(exit_table_open(fd, EPOCH, &table) == 0);
        return table;
}

static void grow(ExitTable *table, int fd)
{
        int r;

        while ((r = exit_table_grow(table, fd)) > 0)
                ;
        must(r == 0);
}

/* The code; -2: not told. */
static int find(const ExitTable *table, ExitKind kind, const char *id)
{
        int32_t code;
        int r = exit_table_find(table, kind, id, &code);

        must(r >= 0);
        return r > 0 ? code : -2;
}

static int put(ExitTable *table, const char *status, const char *id, const char *exec_id, int code)
{
        const EventFields fields = { .type = "container",
                                     .status = status,
                                     .id = id,
                                     .exec_id = exec_id,
                                     .exit_code = code,
                                     .has_exit_code = code >= -1 };

        return exit_table_put(table, &fields);
}

static void test_first_and_last_word(void)
{
        static const struct {
                const char *status, *id, *exec_id;
                int code;
                ExitKind kind;
                const char *asked;
                int told;
        } rows[] = {
                { "exec", "c", "x", -2, EXIT_EXEC, "x", -2 },
                { "exec_died", "c", "x", -2, EXIT_EXEC, "x", -2 },
                { "exec_died", "c", "x", 3, EXIT_EXEC, "x", 3 },
                { "exec_die", "c", "x", 4, EXIT_EXEC, "x", 3 },
                { "exec_died", "c", NULL, 5, EXIT_CONTAINER, "c", -2 },
                { "remove", "c", NULL, 6, EXIT_CONTAINER, "c", 6 },
                { "died", "c", NULL, 7, EXIT_CONTAINER, "c", 7 },
                { "die", "c", NULL, 255, EXIT_CONTAINER, "c", 255 },
                { "rm", "c", NULL, 1, EXIT_CONTAINER, "c", 255 },
                { "died", "c", NULL, -2, EXIT_CONTAINER, "c", -2 },
                { "died", "c", NULL, -1, EXIT_CONTAINER, "c", -1 },
                { "died", "d", NULL, 256, EXIT_CONTAINER, "d", -2 },
                { "died", "", NULL, 1, EXIT_CONTAINER, "", -2 },
                { "start", "c", NULL, 9, EXIT_CONTAINER, "c", -1 },
                { "start", "c", NULL, 9, EXIT_EXEC, "c", -2 },
        };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        _cleanup_table_ ExitTable *table = table_of(fd);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                must(put(table, rows[i].status, rows[i].id, rows[i].exec_id, rows[i].code) == 0);
                tap_eq_int(find(table, rows[i].kind, rows[i].asked), rows[i].told, "row %zu", i);
        }
}

/* They are as many as health checks, and would make it grow without end. */
static void test_health_checks_are_not_in_it(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        _cleanup_table_ ExitTable *table = table_of(fd);
        EventFields fields = { .type = "container",
                               .status = "exec_died",
                               .id = "c",
                               .exec_id = "x",
                               .reason = "health_check",
                               .has_exit_code = true };

        tap_ok(!exit_table_concerns(&fields), "the end of a health check's exec session");
        must(exit_table_put(table, &fields) == 0);
        tap_eq_int(find(table, EXIT_EXEC, "x"), -2, "is left to the log");
        fields.reason = "health";
        must(exit_table_put(table, &fields) == 0);
        tap_eq_int(find(table, EXIT_EXEC, "x"), 0, "any other is not");
}

/* As bus/exit-code.c says it, which asks the log. */
static void test_what_came_late(void)
{
        static const struct {
                uint64_t msec;
                bool backlog;
                int told;
        } steps[] = {
                { 50, true, 0 },  { 60, true, 1 },  { 55, true, 1 }, { 60, true, 3 },
                { 90, false, 4 }, { 80, false, 5 }, { 70, true, 5 }, { 85, true, 7 },
                { 10, false, 8 }, { 11, true, 9 },
        };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        _cleanup_table_ ExitTable *table = table_of(fd);

        for (unsigned twice = 0; twice < 2; twice++)
                for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                        const EventFields fields = {
                                .type = "container",
                                .status = "died",
                                .id = "c",
                                .exit_code = (int)i,
                                .has_exit_code = true,
                                .time_nsec = steps[i].msec * 1000000,
                                .backlog = steps[i].backlog,
                        };

                        must(exit_table_put(table, &fields) == 0);
                        if (twice == 0)
                                tap_eq_int(find(table, EXIT_CONTAINER, "c"), steps[i].told,
                                           "a death at %" PRIu64 ", %s", steps[i].msec,
                                           steps[i].backlog ? "from elsewhere" : "live");
                }
        tap_eq_int(find(table, EXIT_CONTAINER, "c"), 9, "and the same when all is put in again");
}

/* Any user can write to the journal that one of root's containers died. */
static void test_whose_words_are_taken(void)
{
        const struct {
                uint32_t uid;
                bool has_uid;
                int told;
        } rows[] = {
                { 0, false, 0 },        { geteuid() + 7, true, 0 },
                { 0, true, 2 },         { geteuid() + 7, true, 2 },
                { geteuid(), true, 4 },
        };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        _cleanup_table_ ExitTable *table = table_of(fd);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const EventFields fields = {
                        .type = "container",
                        .status = "died",
                        .id = "c",
                        .exit_code = (int)i,
                        .has_exit_code = true,
                        .uid = rows[i].uid,
                        .has_uid = rows[i].has_uid,
                };
                ExitWord word;

                must(exit_table_put(table, &fields) == 0);
                tap_eq_int(find(table, EXIT_CONTAINER, "c"), rows[i].told, "word %zu", i);
                tap_eq_int(exit_table_word(table, &fields, &word), rows[i].told == (int)i,
                           "and it is expected there, or not");
        }
}

static void test_it_grows_and_comes_back(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        _cleanup_table_ ExitTable *table = table_of(fd);
        unsigned n_wrong = 0;
        char id[80];

        for (unsigned i = 0; i < 20000; i++) {
                snprintf(id, sizeof(id), "%064x", i);
                grow(table, fd);
                must(put(table, "exec_died", "c", id, (int)(i % 256)) == 0);
        }
        tap_eq_u64(exit_table_synced_seq(table), 0, "nothing is said to be durable");
        must(exit_table_sync(table, 777) == 0);
        exit_table_free(TAKE_PTR(table));
        table = table_of(fd);
        tap_eq_u64(exit_table_synced_seq(table), 777, "after a sync it is");
        for (unsigned i = 0; i < 20100; i++) {
                snprintf(id, sizeof(id), "%064x", i);
                n_wrong += find(table, EXIT_EXEC, id) != (i < 20000 ? (int)(i % 256) : -2);
        }
        tap_eq_u64(n_wrong, 0, "each of 20,000 is found, and no other");
        tap_ok(access(EXIT_TABLE_NEW_NAME, F_OK) < 0, "nothing is left of its growing");
}

/* A crash takes the count of what was put in since the last sync, again and again; and the header
 * of one that just grew says that it has nothing. It must not be filled to the brim for that. */
static void test_its_count_may_be_wrong(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        _cleanup_table_ ExitTable *table = table_of(fd);
        unsigned n_refused = 0, n_wrong = 0;
        const unsigned n = 20000;
        char id[80];

        for (unsigned i = 0; i < n; i++) {
                int r;

                snprintf(id, sizeof(id), "%064x", i);
                grow(table, fd);
                r = put(table, "exec_died", "c", id, (int)(i % 256));
                if (r == -EAGAIN) {
                        grow(table, fd);
                        r = put(table, "exec_died", "c", id, (int)(i % 256));
                }
                n_refused += r < 0;
                if (i % 500 == 499) {
                        exit_table_free(TAKE_PTR(table));
                        table = table_of(fd);
                }
        }
        tap_eq_u64(n_refused, 0, "nothing is refused");
        for (unsigned i = 0; i < n; i++) {
                snprintf(id, sizeof(id), "%064x", i);
                n_wrong += find(table, EXIT_EXEC, id) != (int)(i % 256);
        }
        tap_eq_u64(n_wrong, 0, "and everything is found");
}

static void test_what_is_no_table(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        ExitTable *table = table_of(fd);

        must(put(table, "died", "c", NULL, 1) == 0 && exit_table_sync(table, 5) == 0);
        exit_table_free(table);
        must(exit_table_open(fd, SD_ID128_NULL, &table) == 0);
        tap_eq_int(find(table, EXIT_CONTAINER, "c"), -2, "of another history: it starts anew");
        exit_table_free(table);

        table = table_of(fd);
        must(put(table, "died", "c", NULL, 1) == 0 && exit_table_sync(table, 5) == 0);
        exit_table_free(table);
        must(truncate(EXIT_TABLE_NAME, 1000) == 0);
        table = table_of(fd);
        tap_eq_u64(exit_table_synced_seq(table), 0, "cut: it starts anew");
        exit_table_free(table);

        must(unlink(EXIT_TABLE_NAME) == 0 && mkdir(EXIT_TABLE_NAME, 0700) == 0);
        tap_ok(exit_table_open(fd, EPOCH, &table) < 0, "a folder is in the way: there is none");
}

/* One byte of the file is another: it says so, or starts anew, or tells the truth. */
static void test_damage_is_found_out(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = open_folder();
        ExitTable *table = table_of(fd);
        unsigned n_wrong = 0, n_said = 0;
        struct stat st;
        char id[16];

        for (unsigned i = 0; i < 500; i++) {
                snprintf(id, sizeof(id), "c%u", i);
                must(put(table, "died", id, NULL, 9) == 0);
        }
        must(exit_table_sync(table, 5) == 0);
        exit_table_free(table);
        must(stat(EXIT_TABLE_NAME, &st) == 0);
        for (off_t at = 512; at < st.st_size; at += 37) {
                int file = open(EXIT_TABLE_NAME, O_RDWR | O_CLOEXEC);
                char byte, other;

                must(file >= 0 && pread(file, &byte, 1, at) == 1);
                other = (char)(byte ^ 4);
                must(pwrite(file, &other, 1, at) == 1);
                table = table_of(fd);
                for (unsigned i = 0; i < 500; i += 9) {
                        int32_t code = 9;
                        int r;

                        snprintf(id, sizeof(id), "c%u", i);
                        r = exit_table_find(table, EXIT_CONTAINER, id, &code);
                        n_wrong += code != 9 || (r < 0 && r != -EBADMSG);
                        n_said += r < 0;
                }
                exit_table_free(table);
                must(pwrite(file, &byte, 1, at) == 1);
                close(file);
        }
        tap_eq_u64(n_wrong, 0, "no code is wrong");
        tap_ok(n_said > 100, "damage is said");
}

static void tend(EventLog *log)
{
        while (eventlog_tend(log) > 0)
                ;
}

static int ask_log(EventLog *log, bool exec, const char *id)
{
        int32_t code;

        return eventlog_exit_code(log, exec, id, &code) > 0 ? code : -2;
}

static void record(EventLog *log, const char *status, const char *id, const char *exec_id, int code)
{
        _cleanup_event_ Event *event = event_of(&(EventFields){ .type = "container",
                                                                .status = status,
                                                                .id = id,
                                                                .exec_id = exec_id,
                                                                .exit_code = code,
                                                                .has_exit_code = true });
        uint64_t seq;

        must(eventlog_append(log, event, NULL, &seq) == 0 && eventlog_commit(log) == 0);
}

static void test_behind_a_log(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);

        record(log, "exec_died", "c", "x1", 1);
        tap_eq_int(ask_log(log, true, "x1"), 1, "what came just now is in it");
        record(log, "died", "c", NULL, 2);
        tap_eq_int(ask_log(log, false, "c"), 2, "a container's too");
        record(log, "exec_died", "c", "x1", 4);
        tap_eq_int(ask_log(log, true, "x1"), 1, "of an exec session the first word stays");
        record(log, "died", "c", NULL, 3);
        tap_eq_int(ask_log(log, false, "c"), 3, "of a container the last counts");
        history_fill(log, 5, 500, 10);

        /* Whatever the table was like when the power went, it is brought up to the log. */
        eventlog_free(TAKE_PTR(log));
        for (unsigned i = 0; i < 3; i++) {
                if (i == 1)
                        must(unlink(HISTORY "/" EXIT_TABLE_NAME) == 0);
                if (i == 2)
                        file_append(HISTORY "/" EXIT_TABLE_NAME, "x");
                log = history_open(4096);
                if (i == 1)
                        tap_eq_int(ask_log(log, false, "c"), -2, "there may be a later word");
                tend(log);
                tap_eq_int(ask_log(log, true, "x1"), 1, "start %u: the exec session", i);
                tap_eq_int(ask_log(log, false, "c"), 3, "start %u: the container", i);
                tap_eq_int(ask_log(log, false, SAMPLE_ID), 500 % 256, "start %u: the last", i);
                eventlog_free(TAKE_PTR(log));
        }
}

static void test_damage_under_a_log(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(UINT64_MAX);
        int file;

        record(log, "exec_died", "c", "x1", 1);
        tend(log);
        file = open(HISTORY "/" EXIT_TABLE_NAME, O_RDWR | O_CLOEXEC);
        must(file >= 0);
        for (off_t at = 0; at < 65 * 512; at += 512)
                must(pwrite(file, "x", 1, at + 100) == 1);
        close(file);
        tap_eq_int(ask_log(log, true, "x1"), -2, "it is found out");
        tend(log);
        tap_eq_int(ask_log(log, true, "x1"), 1, "and mended from the log");
}

/* ---- while the history shrinks ---- */

/* Ends of execs, more than a step puts in; of containers "c", two, both in the first step. */
#define N_ENDS     3000
#define FIRST_DIED 10
#define LAST_DIED  300

#define SEGMENTS 4096
#define SHRUNK   (32 * 1024)

static void append_end(EventLog *log, unsigned seq)
{
        bool died = seq == FIRST_DIED || seq == LAST_DIED;
        char exec_id[80];
        const EventFields fields = { .type = "container",
                                     .status = died ? "died" : "exec_died",
                                     .id = "c",
                                     .exec_id = died ? NULL : exec_id,
                                     .time_nsec = SAMPLE_TIME + seq,
                                     .exit_code = (int32_t)(seq % 251),
                                     .has_exit_code = true };
        _cleanup_event_ Event *event = NULL;
        uint64_t got = 0;

        snprintf(exec_id, sizeof(exec_id), "%064x", seq);
        event = event_of(&fields);
        must(eventlog_append(log, event, NULL, &got) == 0 && got == seq);
}

/* A history that is far too large, whose table has to be made again. */
static EventLog *log_without_table(void)
{
        EventLog *log = history_open(SEGMENTS);

        for (unsigned seq = 1; seq <= N_ENDS; seq++) {
                append_end(log, seq);
                if (seq % 5 == 0)
                        must(eventlog_commit(log) == 0);
        }
        eventlog_free(log);
        must(unlink(HISTORY "/" EXIT_TABLE_NAME) == 0);
        log = history_new(SEGMENTS, SHRUNK);
        must(eventlog_open(log) == 0);
        return log;
}

static int ask_exec(EventLog *log, unsigned seq)
{
        char exec_id[80];

        snprintf(exec_id, sizeof(exec_id), "%064x", seq);
        return ask_log(log, true, exec_id);
}

static unsigned count_untold(EventLog *log)
{
        unsigned n = 0;

        for (unsigned seq = 1; seq <= N_ENDS; seq++)
                n += seq != FIRST_DIED && seq != LAST_DIED &&
                     ask_exec(log, seq) != (int)(seq % 251);
        return n;
}

/* Its reader is somewhere in the history when that goes from under it. */
static void test_what_is_trimmed_meanwhile(void)
{
        for (unsigned n_steps = 0; n_steps <= 6; n_steps += 2) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_log_ EventLog *log = log_without_table();

                for (unsigned n = 0; n < n_steps; n++)
                        must(eventlog_tend(log) > 0);
                must(count_untold(log) > 0);
                must(history_trim(log) == 0 && eventlog_oldest_seq(log) > N_ENDS / 2);
                tend(log);
                tap_eq_u64(count_untold(log), 0,
                           "%u steps, then what they did not come to is trimmed: all are told",
                           n_steps);
                tap_eq_int(ask_log(log, false, "c"), LAST_DIED % 251,
                           "and the last of a container");

                eventlog_free(TAKE_PTR(log));
                log = history_open(SEGMENTS);
                tend(log);
                tap_eq_u64(count_untold(log), 0, "also after a restart");
        }
}

/* A byte of the record of an event is another: nothing of it can be read. */
static void damage_exit_record(unsigned seq)
{
        _cleanup_free_ char *text = NULL;
        char path[300], mark[32];
        struct dirent *entry;
        DIR *folder = opendir(HISTORY);
        size_t length;
        char *found;

        must(folder);
        while ((entry = readdir(folder)))
                if (strncmp(entry->d_name, "exits-", 6) == 0 && strstr(entry->d_name, ".log"))
                        break;
        must(entry);
        snprintf(path, sizeof(path), HISTORY "/%s", entry->d_name);
        closedir(folder);
        snprintf(mark, sizeof(mark), "\"Seq\":%u,", seq);
        text = file_read(path, &length);
        must(text && (found = strstr(text, mark)));
        found[1] = 's';
        file_put(path, text, length, 0);
}

/* What is kept of what went is read from its start, and may have less than the table was told. */
static void test_what_is_older_does_not_replace(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_without_table();

        must(eventlog_tend(log) > 0 && eventlog_tend(log) > 0);
        must(history_trim(log) == 0);
        damage_exit_record(LAST_DIED);
        tend(log);
        tap_eq_u64(count_untold(log), 0, "of each exec session it tells the code");
        tap_eq_int(ask_log(log, false, "c"), LAST_DIED % 251,
                   "and of a container what it was told last");
}

/* Its file, in buckets. */
static unsigned table_size(void)
{
        struct stat st;

        must(stat(HISTORY "/" EXIT_TABLE_NAME, &st) == 0);
        return (unsigned)(st.st_size / 512) - 1;
}

/* It never forgets, and would grow for ever. */
static void test_what_is_gone_does_not_make_it_grow(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_without_table();
        unsigned before;

        must(history_trim(log) == 0);
        tend(log);
        before = table_size();
        tap_ok(before == 128 && count_untold(log) == 0, "all are told, in %u buckets", before);

        /* As time goes by; here all of it at once. */
        eventlog_free(TAKE_PTR(log));
        must(system("rm " HISTORY "/exits*.log") == 0);
        log = history_open(SEGMENTS);
        tend(log);
        tap_eq_u64(count_untold(log), 0, "what is gone is told all the same");
        for (unsigned seq = N_ENDS + 1; seq <= N_ENDS + 300; seq++) {
                append_end(log, seq);
                must(eventlog_commit(log) == 0);
        }
        tend(log);
        tap_ok(table_size() < before, "until it would have to grow: it has %u", table_size());
        tap_ok(ask_exec(log, N_ENDS + 300) == (N_ENDS + 300) % 251 &&
                       ask_exec(log, N_ENDS) == N_ENDS % 251,
               "what is there is told");
        tap_eq_int(ask_exec(log, 1), -2, "what is not is not");
}

/* The newest segment is gone, as after a restored backup. */
static void test_a_log_that_lost_its_end(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        EventLog *log = history_open(1);

        record(log, "died", "c", NULL, 0);
        record(log, "died", "c", NULL, 1);
        tend(log);
        eventlog_free(log);
        must(unlink(SEGMENT_ACTIVE) == 0);
        log = history_open(1);
        tend(log);
        tap_eq_int(ask_log(log, false, "c"), 0, "what it has not any more is not told");
        eventlog_free(log);
}

int main(void)
{
        test_what_is_trimmed_meanwhile();
        test_what_is_older_does_not_replace();
        test_what_is_gone_does_not_make_it_grow();
        test_a_log_that_lost_its_end();
        test_first_and_last_word();
        test_health_checks_are_not_in_it();
        test_what_came_late();
        test_whose_words_are_taken();
        test_it_grows_and_comes_back();
        test_its_count_may_be_wrong();
        test_what_is_no_table();
        test_damage_is_found_out();
        test_behind_a_log();
        test_damage_under_a_log();
        return tap_done();
}
