/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "history.h"
#include "tap.h"

static EventLog *none_new(void)
{
        const EventLogOptions options = { .backend = LOG_BACKEND_NONE,
                                          .directory = HISTORY,
                                          .report = history_report };
        EventLog *log;

        history_reports[0] = '\0';
        must(eventlog_new(&options, &log) == 0);
        return log;
}

static EventLog *none_open(void)
{
        EventLog *log = none_new();

        must(eventlog_open(log) == 0);
        return log;
}

static void test_it_numbers_and_forgets(void)
{
        _cleanup_log_ EventLog *log = none_new();
        _cleanup_reader_ LogReader *reader = NULL;
        char text[256];
        uint64_t seq;

        tap_eq_int(eventlog_append(log, NULL, NULL, &seq), -ENOTCONN, "it is not open yet");
        must(eventlog_open(log) == 0);
        tap_ok(eventlog_unavailable(log), "it says why nothing can be asked: %s",
               eventlog_unavailable(log));
        must(log_reader_new(log, &(LogQuestion){ .after_seq = 0 }, &reader) == 0);
        must(history_append(log, 1) == 0);
        must(history_append(log, 2) == 0);
        tap_ok(eventlog_uncommitted(log) > 0, "two wait");
        tap_eq_str(history_rest(reader, text, sizeof(text)), "", "nobody hears of them");
        tap_eq_int(eventlog_commit(log), 0, "committed");
        tap_eq_u64(eventlog_uncommitted(log), 0, "nothing waits");
        tap_eq_u64(eventlog_newest_seq(log), 2, "the newest");
        tap_eq_u64(eventlog_oldest_seq(log) + eventlog_size(log), 0, "nothing is kept");
        tap_eq_str(history_rest(reader, text, sizeof(text)), "1-2", "once, to be published");
        tap_eq_str(history_rest(reader, text, sizeof(text)), "", "and no more");
        tap_eq_str(eventlog_position(log, "podman"), "2", "where the source is");
        tap_ok(!eventlog_position(log, "docker"), "no other one");
        tap_ok(!file_exists(HISTORY), "no file was made");
}

static void test_each_start_is_another_history(void)
{
        EventLog *log = none_open();
        sd_id128_t epoch = eventlog_epoch(log);

        must(history_append(log, 1) == 0);
        must(eventlog_commit(log) == 0);
        eventlog_free(log);

        log = none_open();
        tap_ok(!sd_id128_equal(epoch, eventlog_epoch(log)), "another epoch");
        tap_eq_u64(eventlog_newest_seq(log), 0, "from the start");
        tap_ok(!eventlog_position(log, "podman"), "of every source too");
        eventlog_free(log);
}

static void test_it_does_not_grow(void)
{
        _cleanup_free_ char *large = repeated('x', 60000);
        _cleanup_log_ EventLog *log = none_open();
        _cleanup_reader_ LogReader *reader = NULL;
        const EventAttribute label = { "k", large };
        const EventFields fields = {
                .type = "container", .status = "start", .attributes = &label, .n_attributes = 1
        };
        _cleanup_event_ Event *event = event_of(&fields);
        const char *line;
        uint64_t seq;
        size_t length;
        unsigned n = 0;
        int r;

        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        while ((r = eventlog_append(log, event, NULL, &seq)) == 0)
                n++;
        tap_eq_int(r, -ENOBUFS, "too much waits");
        must(eventlog_commit(log) == 0);
        for (; n < 1000; n++) {
                must(eventlog_append(log, event, NULL, &seq) == 0);
                must(eventlog_commit(log) == 0);
        }
        tap_ok(*history_reports, "it says that some are not published: %s", history_reports);
        tap_ok(log_reader_next(reader, &line, &length) == 1, "some are");
        tap_ok(log_reader_seq(reader) > 700 && log_reader_seq(reader) < 750,
               "the newest 16 MiB of them, from %" PRIu64, log_reader_seq(reader));
        for (n = 1; log_reader_next(reader, &line, &length) == 1; n++)
                ;
        tap_eq_u64(log_reader_seq(reader), 1000, "to the last");
}

int main(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        test_it_numbers_and_forgets();
        test_each_start_is_another_history();
        test_it_does_not_grow();
        return tap_done();
}
