/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "history.h"
#include "tap.h"

static char text[4096];

#define tap_rest(reader, want, ...)                                                                \
        tap_eq_str(history_rest((reader), text, sizeof(text)), (want), __VA_ARGS__)
#define tap_after(log, after, want, ...)                                                           \
        tap_eq_str(history_after((log), (after), text, sizeof(text)), (want), __VA_ARGS__)

static void test_an_empty_history(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *closed = history_new(4096, UINT64_MAX), *log = NULL;

        tap_after(closed, 0, "", "one that is not open");
        log = history_open(4096);
        tap_after(log, 0, "", "one without events");
        tap_after(log, 100, "", "from a number that is to come");
}

static void test_from_any_number(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        unsigned n_wrong = 0;

        history_fill(log, 1, 100, 3);
        tap_after(log, 0, "1-100", "from the start");
        for (uint64_t after = 1; after <= 105; after++) {
                char want[32] = "";

                if (after < 99)
                        snprintf(want, sizeof(want), "%" PRIu64 "-100", after + 1);
                else if (after == 99)
                        strcpy(want, "100");
                n_wrong += strcmp(history_after(log, after, text, sizeof(text)), want) != 0;
        }
        tap_eq_u64(n_wrong, 0, "from each of the others, over %zu segments",
                   (size_t)(eventlog_size(log) / 4096) + 1);
}

static void test_only_what_is_committed_is_read(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        _cleanup_reader_ LogReader *reader = NULL;

        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        tap_rest(reader, "", "nothing yet");
        must(history_append(log, 1) == 0 && history_append(log, 2) == 0);
        tap_rest(reader, "", "nothing is committed");
        must(eventlog_commit(log) == 0);
        tap_rest(reader, "1-2", "now it is");
        tap_rest(reader, "", "and comes once");
        tap_eq_u64(log_reader_seq(reader), 2, "the reader is behind it");
}

/* One reader that reads on, one that reads now and then, one that never did: all see the same. */
static void test_while_the_log_grows_and_is_sealed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        _cleanup_reader_ LogReader *eager = NULL, *lazy = NULL;
        uint64_t seed = 1, n_eager = 0, n_lazy = 0, last = 0, wrong = 0;

        must(log_reader_new(log, &(LogQuestion){}, &eager) == 0 &&
             log_reader_new(log, &(LogQuestion){}, &lazy) == 0);
        while (last < 600) {
                unsigned n = 1 + random_below(&seed, 12);
                const char *line;
                size_t length;

                history_fill(log, last + 1, last + n, 5);
                last += n;
                while (log_reader_next(eager, &line, &length) > 0)
                        wrong += !is_event_numbered(line, length, ++n_eager);
                wrong += n_eager != last;
                for (unsigned i = random_below(&seed, 12); i > 0; i--)
                        if (log_reader_next(lazy, &line, &length) > 0)
                                wrong += !is_event_numbered(line, length, ++n_lazy);
        }
        tap_eq_u64(wrong, 0, "each event comes, in order, once");
        tap_ok(n_lazy < last && n_lazy > 0, "the lazy one is at %" PRIu64 " of %" PRIu64, n_lazy,
               last);
        snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, n_lazy + 1, last);
        _cleanup_free_ char *want = strdup(text);
        tap_rest(lazy, want, "and catches up");
}

static void test_while_the_log_is_trimmed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_new(4096, 9000);
        _cleanup_reader_ LogReader *first = NULL, *middle = NULL, *never = NULL;
        const char *line;
        uint64_t oldest;
        size_t length;

        must(eventlog_open(log) == 0);
        history_fill(log, 1, 100, 1);
        must(log_reader_new(log, &(LogQuestion){}, &first) == 0 &&
             log_reader_new(log, &(LogQuestion){ .after_seq = 50 }, &middle) == 0 &&
             log_reader_new(log, &(LogQuestion){}, &never) == 0);
        for (uint64_t seq = 1; seq <= 3; seq++)
                must(log_reader_next(first, &line, &length) > 0 && log_reader_seq(first) == seq);
        must(log_reader_next(middle, &line, &length) > 0);
        tap_eq_int(history_trim(log), 0, "the log is trimmed");
        oldest = eventlog_oldest_seq(log);
        must(oldest > 52);

        tap_ok(log_reader_next(first, &line, &length) > 0 && log_reader_seq(first) == 4,
               "a reader that stands in a segment reads it to its end");
        while (log_reader_seq(first) < oldest && log_reader_next(first, &line, &length) > 0)
                ;
        tap_eq_u64(log_reader_seq(first), oldest, "and goes on with the oldest that is kept");
        snprintf(text, sizeof(text), "%" PRIu64 "-100", oldest + 1);
        _cleanup_free_ char *want = strdup(text);
        tap_rest(first, want, "up to the newest");
        snprintf(text, sizeof(text), "%" PRIu64 "-100", oldest);
        _cleanup_free_ char *want_all = strdup(text);
        tap_rest(never, want_all, "one that had not begun starts there");
}

/* As an administrator may do. */
static void test_a_segment_that_was_removed_by_hand(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        const Segment *first, *second, *third;
        char path[256], name[SEGMENT_NAME_SIZE], want[64];

        history_fill(log, 1, 60, 1);
        first = logfile_segment_of(log, 1);
        second = logfile_segment_after(log, 1);
        third = logfile_segment_after(log, second->first_seq);
        segment_name(second, name);
        snprintf(path, sizeof(path), HISTORY "/%s", name);
        must(unlink(path) == 0);
        snprintf(want, sizeof(want), "1-%" PRIu64 " %" PRIu64 "-60", second->first_seq - 1,
                 third->first_seq);
        tap_after(log, 0, want, "it is passed over");
        snprintf(want, sizeof(want), "%" PRIu64 "-60", third->first_seq);
        tap_after(log, second->first_seq, want, "also by who would start in it");

        segment_name(first, name);
        snprintf(path, sizeof(path), HISTORY "/%s", name);
        must(unlink(path) == 0);
        tap_after(log, 0, want, "and so is the first");
}

static void test_damaged_lines_are_left_out(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);
        _cleanup_free_ char *bytes = NULL;
        char *at, *said;

        history_fill(log, 1, 10, 1);
        bytes = file_read(SEGMENT_ACTIVE, NULL);
        at = strstr(bytes, "\"c5\"");
        must(at);
        at[1] = 'X';
        file_write(SEGMENT_ACTIVE, bytes);

        history_reports[0] = '\0';
        tap_after(log, 0, "1-4 6-10", "one flipped byte costs one event");
        said = strstr(history_reports, "events.log\" is damaged at byte");
        tap_ok(said, "it is said: %s", history_reports);
        tap_after(log, 4, "6-10", "from right before it");
        tap_ok(said && !strstr(strchr(said, '\n'), "damaged"), "but said once");
}

/* Lines of many sizes, so that bisection meets all kinds of places; more than it walks over. */
static void test_bisection_finds_what_a_walk_finds(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(UINT64_C(1) << 40);
        uint64_t seed = 7, wrong = 0;
        const uint64_t last = 400;
        struct stat st;

        for (uint64_t seq = 1; seq <= last; seq++) {
                unsigned size = random_below(&seed, 10) ? random_below(&seed, 300)
                                                        : random_below(&seed, 60000);
                _cleanup_free_ char *value = repeated('v', size);
                const EventAttribute label = { "l", value };
                const EventFields fields = {
                        .type = "pod", .status = "stop", .attributes = &label, .n_attributes = 1
                };
                _cleanup_event_ Event *event = NULL;
                uint64_t got;

                event = event_of(&fields);
                must(eventlog_append(log, event, NULL, &got) == 0 && got == seq);
                if (random_below(&seed, 4) == 0)
                        must(eventlog_commit(log) == 0);
        }
        must(eventlog_commit(log) == 0);
        must(stat(SEGMENT_ACTIVE, &st) == 0);

        for (uint64_t after = 0; after <= last; after++) {
                _cleanup_reader_ LogReader *reader = NULL;
                const char *line;
                size_t length;
                int r;

                must(log_reader_new(log, &(LogQuestion){ .after_seq = after }, &reader) == 0);
                r = log_reader_next(reader, &line, &length);
                wrong += after < last ? r != 1 || record_seq(line, length) != after + 1 : r != 0;
        }
        tap_eq_u64(wrong, 0, "from each number, in %zu bytes", (size_t)st.st_size);
}

/* The same in a segment that is damaged here and there. */
static void test_bisection_over_damage(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(UINT64_C(1) << 40);
        _cleanup_free_ char *bytes = NULL;
        bool damaged[3002] = {};
        uint64_t seed = 3, wrong = 0, seq = 0;
        size_t size;

        history_fill(log, 1, 3000, 1000);
        bytes = file_read(SEGMENT_ACTIVE, &size);
        for (char *line = bytes; line < bytes + size; line = strchr(line, '\n') + 1, seq++)
                if (seq > 0 && (random_below(&seed, 5) == 0 || (seq > 1000 && seq < 1900))) {
                        line[30] ^= 1;
                        damaged[seq] = true;
                }
        file_put(SEGMENT_ACTIVE, bytes, size, O_TRUNC);

        for (uint64_t after = 0; after < 3000; after += 1 + random_below(&seed, 9)) {
                _cleanup_reader_ LogReader *reader = NULL;
                uint64_t want = after + 1;
                const char *line;
                size_t length;
                int r;

                while (want <= 3000 && damaged[want])
                        want++;
                must(log_reader_new(log, &(LogQuestion){ .after_seq = after }, &reader) == 0);
                r = log_reader_next(reader, &line, &length);
                wrong += want <= 3000 ? r != 1 || log_reader_seq(reader) != want : r != 0;
        }
        tap_eq_u64(wrong, 0, "the next intact one is found");
}

/*
 * A commit that failed can leave whole lines behind if the file cannot be cut back either. Here
 * they are other events than those that got the numbers then, so that they can be told apart.
 */
static void test_lines_of_a_failed_commit_do_not_count(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1);

        history_fill(log, 1, 4, 4);
        history_fill(log, 5, 8, 4);
        for (uint64_t seq = 5; seq <= 7; seq++) {
                _cleanup_event_ Event *event = event_numbered(1000 + seq);
                _cleanup_free_ char *line = NULL;
                size_t length;

                must(record_format(event, seq, NULL, &line, &length) == 0);
                file_put(SEGMENT_FROM(1), line, length, O_APPEND);
        }
        eventlog_free(TAKE_PTR(log));
        log = history_open(1);
        tap_after(log, 0, "1-8", "each number once, and the right event");
        tap_after(log, 3, "4-8", "also from the middle");
        tap_after(log, 4, "5-8", "from the last that counts");
        tap_after(log, 5, "6-8", "and from one that is there twice");
}

int main(void)
{
        test_an_empty_history();
        test_from_any_number();
        test_only_what_is_committed_is_read();
        test_while_the_log_grows_and_is_sealed();
        test_while_the_log_is_trimmed();
        test_a_segment_that_was_removed_by_hand();
        test_damaged_lines_are_left_out();
        test_bisection_finds_what_a_walk_finds();
        test_bisection_over_damage();
        test_lines_of_a_failed_commit_do_not_count();
        return tap_done();
}
