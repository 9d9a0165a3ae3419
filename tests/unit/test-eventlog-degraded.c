/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history while it cannot be written for long: what may be published, what is dropped, what is
 * said afterwards, and that no number is given twice, whenever the service ends.
 */
#include <errno.h>
#include <sys/syscall.h>

#define HISTORY_SYNCS
#include "history.h"
#include "log/reservation.h"
#include "tap.h"

/* Stands before the C library's: a disk with room for so many bytes more, or one that fails. What a
 * file has already can be overwritten. */
static uint64_t room = UINT64_MAX;
static bool fails;

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
        struct stat st;
        uint64_t more;

        must(fstat(fd, &st) == 0);
        more = offset + (off_t)length > st.st_size ? (uint64_t)(offset + (off_t)length - st.st_size)
                                                   : 0;
        errno = fails ? EIO : ENOSPC;
        if (fails || more > room)
                return -1;
        if (room != UINT64_MAX)
                room -= more;
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

static unsigned n_syncs;

int fsync(int fd)
{
        n_syncs++;
        errno = EIO;
        return fails ? -1 : 0;
}

int fdatasync(int fd)
{
        return fsync(fd);
}

static char text[8192];

#define tap_after(log, after, want, ...)                                                           \
        tap_eq_str(history_after((log), (after), text, sizeof(text)), (want), __VA_ARGS__)

/* What may be published before it is committed, as "FIRST-LAST"; "!" if it is not in a row or not
 * what it should be. */
static const char *waiting(EventLog *log, uint64_t after)
{
        uint64_t first = 0, last = 0, seq;
        const char *line;
        size_t length;

        text[0] = '\0';
        while (eventlog_uncommitted_next(log, after, &line, &length, &seq)) {
                if ((last > 0 && seq != last + 1) || !is_event_numbered(line, length, seq))
                        return "!";
                if (first == 0)
                        first = seq;
                last = after = seq;
        }
        if (first > 0)
                snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, first, last);
        return text;
}

/* Five events, and then a disk without room. */
static EventLog *full_history(void)
{
        EventLog *log = history_open(1 << 20);

        history_fill(log, 1, 5, 1);
        room = 0;
        return log;
}

static EventLog *open_again(EventLog **log)
{
        eventlog_free(TAKE_PTR(*log));
        return *log = history_open(1 << 20);
}

/* The last event of the history, which says that something was lost; the caller owns it. */
static Event *last_event(EventLog *log)
{
        _cleanup_reader_ LogReader *reader = NULL;
        Event *event;
        const char *line;
        size_t length;

        must(log_reader_new(log, &(LogQuestion){ .after_seq = eventlog_newest_seq(log) - 1 },
                            &reader) == 0);
        must(log_reader_next(reader, &line, &length) == 1);
        must(record_event(line, length, &event) == 0);
        return event;
}

static uint64_t detail(const Event *event, const char *key)
{
        struct json_object *value;

        return event_fields(event)->extra &&
                               json_object_object_get_ex(event_fields(event)->extra, key, &value)
                       ? json_object_get_uint64(value)
                       : 0;
}

static void test_what_waits_is_published_and_recorded_later(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();

        tap_eq_int(eventlog_reserve(log), -ENOTCONN, "while all is well nothing is reserved");
        must(history_append(log, 6) == 0 && history_append(log, 7) == 0);
        tap_eq_str(waiting(log, 0), "", "nor published before its commit");
        tap_eq_int(eventlog_commit(log), -ENOSPC, "the disk is full");
        tap_eq_str(waiting(log, 0), "", "without a reservation nothing is published");
        tap_eq_int(eventlog_reserve(log), 0, "a full disk takes one");
        tap_eq_str(waiting(log, 5), "6-7", "now what waits is");
        tap_eq_str(waiting(log, 6), "7-7", "from any number on");
        must(history_append(log, 8) == 0);
        tap_eq_str(waiting(log, 7), "8-8", "and what comes");
        tap_eq_str(waiting(log, 8), "", "up to the last");
        tap_eq_u64(eventlog_newest_seq(log), 5, "none of it is in the history");
        tap_eq_u64(eventlog_given_seq(log), 8, "but its number is given");
        tap_after(log, 0, "1-5", "nor can it be read");

        room = UINT64_MAX;
        tap_eq_int(eventlog_commit(log), 0, "there is room");
        tap_eq_str(waiting(log, 0), "", "nothing waits");
        tap_after(log, 0, "1-8", "all is there, and nothing was lost");
        tap_eq_u64(eventlog_recorded(log), 8, "recorded");
        tap_eq_u64(eventlog_lost(log), 0, "lost");
        history_fill(log, 9, 9, 1);
        open_again(&log);
        tap_eq_u64(eventlog_given_seq(log), 9, "after a restart numbers go on");
        tap_eq_int(eventlog_commit(log), 0, "with nothing to say");
        tap_after(log, 0, "1-9", "and nothing was");
        tap_eq_str(history_reports, "", "nothing to report");
}

static void test_a_disk_that_takes_nothing_at_all(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();

        fails = true;
        must(history_append(log, 6) == 0);
        tap_eq_int(eventlog_commit(log), -EIO, "the commit fails");
        tap_eq_int(eventlog_reserve(log), -EIO, "and so does a reservation");
        tap_eq_str(waiting(log, 0), "", "nothing is published");
        fails = false;
        room = UINT64_MAX;
        tap_eq_int(eventlog_commit(log), 0, "until it works again");
        tap_after(log, 0, "1-6", "then all is there");
        open_again(&log);
        tap_eq_u64(eventlog_given_seq(log), 6, "and no number was skipped");
}

static void test_a_reservation_that_was_removed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();

        must(unlink(HISTORY "/" RESERVATION_NAME) == 0 && history_append(log, 6) == 0);
        tap_eq_int(eventlog_commit(log), -ENOSPC, "the disk is full");
        tap_eq_int(eventlog_reserve(log), -ENOSPC, "and has no room for a new one");
        tap_ok(!file_exists(HISTORY "/" RESERVATION_NAME), "nor for half of one");
        room = 10000;
        must(eventlog_reserve(log) == 0);
        tap_eq_str(waiting(log, 0), "6-6", "a little is enough");
        room = UINT64_MAX;
}

static void check_end(EventLog *log, uint64_t last_reserved)
{
        _cleanup_event_ Event *event = NULL;
        const EventFields *fields;

        tap_ok(strstr(history_reports, "numbers go on"), "it is reported: %s", history_reports);
        tap_eq_u64(eventlog_given_seq(log), last_reserved, "its numbers are not free");
        must(eventlog_commit(log) == 0);
        tap_eq_u64(eventlog_newest_seq(log), last_reserved + 1, "the next says what is lost");
        tap_eq_u64(eventlog_lost(log), 1, "and counts");
        event = last_event(log);
        fields = event_fields(event);
        tap_ok(strcmp(fields->type, "system") == 0 && strcmp(fields->status, "lost") == 0,
               "it is lost");
        tap_eq_u64(detail(event, "lost_first_seq"), 6, "from the first that was not recorded");
        tap_eq_u64(detail(event, "lost_last_seq"), last_reserved, "to the last reserved");
        tap_ok(detail(event, "lost_since_nsec") > 0 &&
                       detail(event, "lost_since_nsec") <= detail(event, "lost_until_nsec"),
               "with its time");
        tap_ok(strstr(fields->reason, "ended"), "and why: %s", fields->reason);
}

static void test_no_number_is_given_twice_after_a_crash(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        uint64_t last = 6 + 10000;

        must(history_append(log, 6) == 0 && eventlog_commit(log) == -ENOSPC &&
             eventlog_reserve(log) == 0);
        must(history_append(log, 7) == 0);
        room = UINT64_MAX;
        open_again(&log);
        check_end(log, last);
        tap_eq_str(eventlog_position(log, "podman"), "5", "its source tells it again");
        history_fill(log, last + 2, last + 3, 1);
        open_again(&log);
        tap_eq_u64(eventlog_given_seq(log), last + 3, "the next start has nothing to say");
        must(eventlog_commit(log) == 0);
        tap_eq_u64(eventlog_newest_seq(log), last + 3, "and says nothing");
}

/* The disk is still full, and the next life of the service ends in the same way. */
static void test_two_crashes(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        uint64_t last = 6 + 10000;

        must(history_append(log, 6) == 0 && eventlog_commit(log) == -ENOSPC &&
             eventlog_reserve(log) == 0);
        open_again(&log);
        tap_eq_int(eventlog_commit(log), -ENOSPC, "what was lost cannot be said yet");
        must(eventlog_reserve(log) == 0 && history_append(log, last + 2) == 0);
        tap_eq_u64(eventlog_given_seq(log), last + 2, "numbers go on");
        room = UINT64_MAX;
        open_again(&log);
        check_end(log, last + 1 + 10000);
}

static void test_numbers_are_reserved_as_they_are_needed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        Reservation reservation;
        unsigned n_wrong = 0;

        must(history_append(log, 6) == 0 && eventlog_commit(log) == -ENOSPC);
        n_syncs = 0;
        for (uint64_t seq = 7; seq <= 35000; seq++) {
                must(eventlog_reserve(log) == 0 && history_append(log, seq) == 0);
                if (seq % 1000 != 0)
                        continue;
                must(reservation_load(logfile_directory_fd(log), eventlog_epoch(log),
                                      &reservation) == 0);
                n_wrong += reservation.last_seq < seq || reservation.first_seq != 6;
        }
        tap_eq_u64(n_wrong, 0, "always before they are given");
        tap_eq_u64(n_syncs, 4, "many at once");
        room = UINT64_MAX;
}

static void test_the_oldest_are_dropped_and_said(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        uint64_t last = 5, dropped;
        char want[64];

        must(history_append(log, ++last) == 0 && eventlog_commit(log) == -ENOSPC);
        while (eventlog_dropped_seq(log) == 0)
                must(eventlog_reserve(log) == 0 && history_append(log, ++last) == 0);
        dropped = eventlog_dropped_seq(log);
        tap_ok(eventlog_uncommitted(log) <= EVENTLOG_BATCH_MAX &&
                       eventlog_uncommitted(log) > EVENTLOG_BATCH_MAX * 3 / 4,
               "%" PRIu64 " of %" PRIu64 " were, and no more than need be", dropped - 5, last - 5);
        snprintf(want, sizeof(want), "%" PRIu64 "-%" PRIu64, dropped + 1, last);
        tap_eq_str(waiting(log, 5), want, "the others wait");
        tap_ok(strstr(history_reports, "oldest are dropped"), "it is reported");
        tap_eq_int(eventlog_commit(log), -ENOSPC, "still without room");

        room = UINT64_MAX;
        tap_eq_int(eventlog_commit(log), 0, "there is room");
        tap_eq_u64(eventlog_newest_seq(log), last + 1, "one more says what was lost");
        _cleanup_event_ Event *event = last_event(log);
        tap_ok(strcmp(event_fields(event)->status, "lost") == 0 &&
                       strcmp(event_fields(event)->engine, "podman") == 0,
               "of which engine");
        tap_ok(strstr(event_fields(event)->reason, "No space left"), "why: %s",
               event_fields(event)->reason);
        tap_eq_u64(detail(event, "lost_first_seq"), 6, "from which number");
        tap_eq_u64(detail(event, "lost_last_seq"), dropped, "to which");
        tap_eq_u64(detail(event, "lost_events"), dropped - 5, "how many");
        tap_eq_u64(detail(event, "lost_since_nsec"), SAMPLE_TIME + 6, "since when");
        tap_eq_u64(detail(event, "lost_until_nsec"), SAMPLE_TIME + dropped + 1, "until when");
        tap_eq_u64(eventlog_lost(log), 1, "counted");
        tap_eq_u64(eventlog_recorded(log), last + 1 - (dropped - 5), "and what was not");

        /* The "!" is for the one that says it. */
        snprintf(want, sizeof(want), "1-5! %" PRIu64 "-%" PRIu64, dropped + 1, last + 1);
        tap_after(log, 0, want, "all others are there");
        open_again(&log);
        tap_eq_u64(eventlog_given_seq(log), last + 1, "after a restart nothing more is lost");
        snprintf(want, sizeof(want), "%" PRIu64, last);
        tap_eq_str(eventlog_position(log, "podman"), want, "and nothing comes again");
}

/* All of a source's events were dropped, and another's stay: its place stands in what is said. */
static void test_the_place_of_what_was_dropped(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        const EventFields fields = { .type = "container", .status = "start", .engine = "docker" };
        _cleanup_event_ Event *event = event_of(&fields);
        uint64_t seq = 0;

        must(history_append(log, 6) == 0 && history_append(log, 7) == 0 &&
             eventlog_commit(log) == -ENOSPC);
        while (eventlog_dropped_seq(log) < 10)
                must(eventlog_reserve(log) == 0 &&
                     eventlog_append(log, event, "docker there", &seq) == 0);
        room = UINT64_MAX;
        must(eventlog_commit(log) == 0);
        tap_eq_u64(eventlog_newest_seq(log), seq + 2, "two sources lost something");
        open_again(&log);
        tap_eq_str(eventlog_position(log, "podman"), "7", "one goes on behind what was dropped");
        tap_eq_str(eventlog_position(log, "docker"), "there", "and so does the other");
}

static void test_a_crash_after_a_drop(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        uint64_t last = 5, newest;

        must(history_append(log, ++last) == 0 && eventlog_commit(log) == -ENOSPC);
        while (eventlog_dropped_seq(log) == 0)
                must(eventlog_reserve(log) == 0 && history_append(log, ++last) == 0);
        room = 1000000;
        tap_eq_int(eventlog_commit(log), -ENOSPC, "there is room for some");
        newest = eventlog_newest_seq(log);
        tap_ok(newest > eventlog_dropped_seq(log) && newest < last, "which are recorded");
        room = UINT64_MAX;
        open_again(&log);
        tap_eq_u64(eventlog_newest_seq(log), newest, "and stay so");
        tap_ok(eventlog_given_seq(log) >= last, "no number is free that was given");
        must(eventlog_commit(log) == 0);
        _cleanup_event_ Event *event = last_event(log);
        tap_eq_u64(detail(event, "lost_first_seq"), 6, "what was dropped is said, too");
}

static void test_little_room_takes_what_it_can(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        char want[32];

        must(history_append(log, 6) == 0 && eventlog_commit(log) == -ENOSPC);
        for (uint64_t seq = 7; seq <= 5000; seq++)
                must(eventlog_reserve(log) == 0 && history_append(log, seq) == 0);
        room = 600000;
        tap_eq_int(eventlog_commit(log), -ENOSPC, "not for all");
        tap_ok(eventlog_newest_seq(log) > 5 && eventlog_newest_seq(log) < 5000, "but for some");
        snprintf(want, sizeof(want), "1-%" PRIu64, eventlog_newest_seq(log));
        tap_after(log, 0, want, "which can be read");
        snprintf(want, sizeof(want), "%" PRIu64 "-5000", eventlog_newest_seq(log) + 1);
        tap_eq_str(waiting(log, 0), want, "and the rest waits");
        room = UINT64_MAX;
        tap_eq_int(eventlog_commit(log), 0, "there is room");
        tap_after(log, 0, "1-5000", "all is there");
        tap_eq_u64(eventlog_recorded(log), 5000, "and counted once");
        open_again(&log);
        tap_eq_str(eventlog_position(log, "podman"), "5000", "the position is the last");
}

static void test_a_full_disk_does_not_eat_the_history(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        uint64_t oldest;

        history_fill(log, 1, 200, 1);
        room = 0;
        must(history_append(log, 201) == 0 && eventlog_commit(log) == -ENOSPC);
        oldest = eventlog_oldest_seq(log);
        tap_ok(oldest > 1, "one segment went");
        for (unsigned i = 0; i < 20; i++)
                must(eventlog_commit(log) == -ENOSPC);
        tap_eq_u64(eventlog_oldest_seq(log), oldest, "and no other, however often it is tried");
        room = UINT64_MAX;
        must(eventlog_commit(log) == 0 && history_append(log, 202) == 0);
        room = 0;
        must(eventlog_commit(log) == -ENOSPC);
        tap_ok(eventlog_oldest_seq(log) > oldest, "until it worked once");
        room = UINT64_MAX;
}

/* What was to be said of a loss may be dropped itself. */
static void test_a_loss_that_is_lost(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = full_history();
        _cleanup_json_ struct json_object *extra =
                json_of("{\"lost_since_nsec\":7,\"lost_until_nsec\":9,\"lost_first_seq\":2,"
                        "\"lost_events\":100}");
        const EventFields fields = { .type = "system",
                                     .status = "lost",
                                     .engine = "podman",
                                     .time_nsec = SAMPLE_TIME,
                                     .extra = extra };
        _cleanup_event_ Event *event = event_of(&fields), *said = NULL;
        uint64_t last = 6, seq;

        must(eventlog_append(log, event, "podman 6", &seq) == 0 && eventlog_commit(log) < 0);
        while (eventlog_dropped_seq(log) == 0)
                must(eventlog_reserve(log) == 0 && history_append(log, ++last) == 0);
        room = UINT64_MAX;
        must(eventlog_commit(log) == 0);
        said = last_event(log);
        tap_eq_u64(detail(said, "lost_since_nsec"), 7, "since when");
        tap_eq_u64(detail(said, "lost_first_seq"), 2, "from which number");
        tap_eq_u64(detail(said, "lost_events"), eventlog_dropped_seq(log) - 5 + 100, "how many");
        tap_eq_u64(eventlog_lost(log), 1, "counted once");
}

/* A normal commit costs what it always did. */
static void test_what_a_commit_costs(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(1 << 20);

        n_syncs = 0;
        history_fill(log, 1, 100, 1);
        tap_eq_u64(n_syncs, 100, "one sync each");
        open_again(&log);
        n_syncs = 0;
        must(eventlog_commit(log) == 0);
        history_fill(log, 101, 200, 1);
        tap_eq_u64(n_syncs, 100, "also after a restart");
}

int main(void)
{
        test_what_waits_is_published_and_recorded_later();
        test_a_disk_that_takes_nothing_at_all();
        test_a_reservation_that_was_removed();
        test_no_number_is_given_twice_after_a_crash();
        test_two_crashes();
        test_numbers_are_reserved_as_they_are_needed();
        test_the_oldest_are_dropped_and_said();
        test_the_place_of_what_was_dropped();
        test_a_crash_after_a_drop();
        test_little_room_takes_what_it_can();
        test_a_full_disk_does_not_eat_the_history();
        test_a_loss_that_is_lost();
        test_what_a_commit_costs();
        return tap_done();
}
