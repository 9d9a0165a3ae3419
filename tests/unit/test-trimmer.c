/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A history that is kept within its bounds: what goes, what stays, and what is on the disk if it is
 * interrupted at any step.
 */
#include <sys/statvfs.h>
#include <time.h>

#include "faults.h"
#include "model/timestamp.h"
#include "tap.h"

/* Of so many events one is rare: the end of an exec, whose ID has the event's number. */
#define RARE_EVERY   20
#define IS_RARE(seq) ((seq) % RARE_EVERY == 0)

/* And so many of the others are the ends of health checks' exec sessions. */
#define IS_CHECK_EXEC(seq) ((seq) % 4 == 1)

#define DAY (UINT64_C(24) * 3600 * NSEC_PER_SEC)

/* The disk, as far as anybody asks: blocks of a byte. */
static uint64_t disk_size = 1000000, disk_used;

int fstatvfs(int fd, struct statvfs *ret)
{
        *ret = (struct statvfs){ .f_frsize = 1,
                                 .f_bsize = 4096,
                                 .f_blocks = disk_size,
                                 .f_bfree = disk_size,
                                 .f_bavail = disk_used < disk_size ? disk_size - disk_used : 0 };
        return 0;
}

static EventLog *log_open(const EventLogOptions *bounds)
{
        EventLogOptions options = *bounds;
        EventLog *log;

        options.directory = HISTORY;
        options.report = history_report;
        if (options.max_size == 0)
                options.max_size = UINT64_MAX;
        history_reports[0] = '\0';
        must(eventlog_new(&options, &log) == 0);
        if (eventlog_open(log) < 0) {
                eventlog_free(log);
                return NULL;
        }
        return log;
}

static Event *mixed_event(uint64_t seq)
{
        char exec_id[65];
        EventFields fields = {
                .type = "container",
                .id = SAMPLE_ID,
                .name = "web",
                .image = "localhost/bb:latest",
                .engine = "podman",
                .time_nsec = SAMPLE_TIME + seq,
                .status = "health_status",
                .health_status = "healthy",
        };

        if (IS_RARE(seq) || IS_CHECK_EXEC(seq)) {
                snprintf(exec_id, sizeof(exec_id), "%064" PRIu64, seq);
                fields.status = "exec_died";
                fields.health_status = NULL;
                fields.exec_id = exec_id;
                fields.exit_code = (int32_t)(seq % 256);
                fields.has_exit_code = true;
                fields.evidence = IS_RARE(seq) ? "inferred" : "exit-file";
                fields.reason = IS_RARE(seq) ? NULL : "health_check";
        }
        return event_of(&fields);
}

static int record_one(EventLog *log, uint64_t seq)
{
        _cleanup_event_ Event *event = mixed_event(seq);
        uint64_t got = 0;
        int r;

        r = eventlog_append(log, event, NULL, &got);
        must(r < 0 || got == seq);
        return r < 0 ? r : eventlog_commit(log);
}

static void record_mixed(EventLog *log, uint64_t first, uint64_t last)
{
        for (uint64_t seq = first; seq <= last; seq++)
                must(record_one(log, seq) == 0);
}

/* What is there of events up to "last". */
typedef struct Found {
        uint64_t n, n_rare, oldest_rare;
        bool strange; /* not in order, or not what was recorded */
} Found;

static Found look(EventLog *log, bool exits)
{
        _cleanup_reader_ LogReader *reader = NULL;
        Found found = {};
        uint64_t last = 0;
        const char *line;
        size_t length;
        int r;

        must(log_reader_new(log, &(LogQuestion){ .exits = exits }, &reader) == 0);
        while ((r = log_reader_next(reader, &line, &length)) > 0) {
                _cleanup_event_ Event *event = NULL, *want = NULL;
                uint64_t seq = log_reader_seq(reader);
                const EventFields *a, *b;

                must(record_event(line, length, &event) == 0);
                want = mixed_event(seq);
                a = event_fields(event);
                b = event_fields(want);
                found.strange |= a->seq != seq || strcmp(a->status, b->status) != 0 ||
                                 a->exit_code != b->exit_code || a->time_nsec != b->time_nsec ||
                                 (b->exec_id && strcmp(a->exec_id, b->exec_id) != 0) ||
                                 (b->evidence && strcmp(a->evidence, b->evidence) != 0) ||
                                 strcmp(a->id, b->id) != 0 || strcmp(a->engine, b->engine) != 0 ||
                                 (!exits && seq <= last);
                found.n++;
                found.n_rare += IS_RARE(seq) && seq > last;
                if (found.oldest_rare == 0 && IS_RARE(seq))
                        found.oldest_rare = seq;
                if (seq > last)
                        last = seq;
        }
        found.strange |= r < 0;
        return found;
}

static unsigned count_files(const char *prefix)
{
        _cleanup_closedir_ DIR *folder = opendir(HISTORY);
        struct dirent *entry;
        unsigned n = 0;

        must(folder);
        while ((entry = readdir(folder)))
                n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
        return n;
}

/* ---- what is thinned ---- */

static void test_a_flood_does_not_push_out_what_is_rare(void)
{
        const EventLogOptions bounds = { .segment_size = 8 * 1024, .max_size = 64 * 1024 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        uint64_t written = 0;
        Found found;

        for (uint64_t seq = 1; seq <= 1000; seq++) {
                record_mixed(log, seq, seq);
                must(history_trim(log) == 0);
        }
        written = 1000 * 250;
        found = look(log, false);
        tap_ok(written > 3 * 64 * 1024, "some times MaxSize was recorded");
        tap_eq_u64(found.n_rare, 1000 / RARE_EVERY, "all that is rare is there");
        tap_ok(found.n < 1000 && found.n > 100, "and what floods is not: %" PRIu64, found.n);
        tap_ok(!found.strange, "in order, and as it was");
        tap_ok(eventlog_size(log) <= bounds.max_size + bounds.segment_size, "it keeps its size");
        tap_eq_u64(eventlog_oldest_seq(log), 1, "it begins where it did");
        tap_eq_u64(eventlog_newest_seq(log), 1000, "and ends there");
        tap_eq_u64(count_files("exits-"), 0, "nothing had to be removed");

        eventlog_free(TAKE_PTR(log));
        log = log_open(&bounds);
        tap_ok(log && look(log, false).n == found.n, "the same after a restart");
        tap_eq_str(history_reports, "", "of which there is nothing to be said");
        tap_eq_int(eventlog_trim(log), 0, "and nothing to be done");
}

static void test_the_header_says_what_was_taken_out(void)
{
        const EventLogOptions bounds = { .segment_size = 8 * 1024, .max_size = 32 * 1024 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        _cleanup_free_ char *before = NULL, *after = NULL;
        struct stat old, new;

        record_mixed(log, 1, 120);
        before = file_read(SEGMENT_FROM(1), NULL);
        must(before && stat(SEGMENT_FROM(1), &old) == 0);
        must(history_trim(log) == 0);
        after = file_read(SEGMENT_FROM(1), NULL);
        must(after && stat(SEGMENT_FROM(1), &new) == 0);
        tap_ok(strstr(before, "health_status\"") && !strstr(before, "Thinned"), "before");
        tap_ok(strstr(after, "\"Thinned\":{\"health_status\":") && strstr(after, ",\"exec_died\":"),
               "afterwards: %.300s", after);
        tap_ok(!strstr(after, "\"Status\":\"health_status\""), "there are none left");
        tap_ok(!strstr(after, "\"Reason\":\"health_check\""), "nor of their exec sessions");
        tap_ok(strstr(after, "\"Status\":\"exec_died\""), "but of others");
        tap_ok(old.st_mtim.tv_sec == new.st_mtim.tv_sec &&old.st_mtim.tv_nsec ==
                       new.st_mtim.tv_nsec,
               "it is as old as it was");
}

static void test_what_is_damaged_stays_as_it_is(void)
{
        const EventLogOptions bounds = { .segment_size = 8 * 1024, .max_size = 17 * 1024 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        _cleanup_free_ char *text = NULL, *after = NULL, *line = NULL;
        size_t length;
        char *hit;

        record_mixed(log, 1, 120);
        text = file_read(SEGMENT_FROM(1), &length);
        hit = strstr(text, "\"healthy\"");
        must(hit);
        memcpy(hit, "\"hEalthy\"", 9);
        while (hit[-1] != '\n')
                hit--;
        line = strndup(hit, (size_t)(strchr(hit, '\n') + 1 - hit));
        file_put(SEGMENT_FROM(1), text, length, O_TRUNC);
        must(history_trim(log) == 0);
        after = file_read(SEGMENT_FROM(1), NULL);
        tap_ok(after && strstr(after, "Thinned"), "the segment was thinned");
        tap_ok(after && strstr(after, line), "but for the line that is damaged");
}

static void test_small_ones_become_one(void)
{
        const EventLogOptions bounds = { .segment_size = 64 * 1024, .max_size = 256 * 1024 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        uint64_t seq = 1;
        Found found;

        /* What is left of one has seven parts of a hundred: more than one become one. */
        for (; seq <= 4000; seq++) {
                record_mixed(log, seq, seq);
                must(history_trim(log) == 0);
        }
        found = look(log, false);
        tap_eq_u64(found.n_rare, 4000 / RARE_EVERY, "all that is rare is there");
        tap_ok(!found.strange, "in order, and as it was");
        tap_ok(count_files("events-") <= 40, "in %u files", count_files("events-"));
}

static void test_a_reader_goes_on_in_what_is_thinned(void)
{
        const EventLogOptions bounds = { .segment_size = 8 * 1024, .max_size = 17 * 1024 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        _cleanup_reader_ LogReader *reader = NULL;
        uint64_t last = 0, n_rare = 0;
        const char *line;
        size_t length;

        record_mixed(log, 1, 100);
        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        for (unsigned n = 0; log_reader_next(reader, &line, &length) > 0; n++) {
                must(log_reader_seq(reader) > last);
                last = log_reader_seq(reader);
                n_rare += IS_RARE(last);
                if (n == 5)
                        must(history_trim(log) == 0);
        }
        tap_eq_u64(n_rare, 100 / RARE_EVERY, "it misses nothing that is there");
        tap_eq_u64(last, 100, "and gets to the end");
}

/* ---- exit codes ---- */

static void record_named(EventLog *log, const char *status, const char *image)
{
        _cleanup_event_ Event *event = event_of(&(EventFields){ .type = "container",
                                                                .status = status,
                                                                .id = SAMPLE_ID,
                                                                .name = "web",
                                                                .image = image,
                                                                .time_nsec = SAMPLE_TIME });
        uint64_t seq;

        must(eventlog_append(log, event, NULL, &seq) == 0 && eventlog_commit(log) == 0);
}

/* How many the reader finds. It is thinned whenever others have their turn, if that is asked for.
 */
static unsigned count_found(EventLog *log, const Filter *filter, bool thin, unsigned *ret_n_turns)
{
        _cleanup_reader_ LogReader *reader = NULL;
        unsigned n_found = 0;
        const char *line;
        size_t length;
        int r;

        *ret_n_turns = 0;
        must(log_reader_new(log, &(LogQuestion){ .filter = filter }, &reader) == 0);
        while ((r = log_reader_next(reader, &line, &length)) != 0) {
                _cleanup_event_ Event *event = NULL;

                must(r > 0);
                if (r != LOG_READER_AGAIN) {
                        must(record_event(line, length, &event) == 0);
                        n_found += filter_matches(filter, event_fields(event));
                        continue;
                }
                ++*ret_n_turns;
                if (thin)
                        must(history_trim(log) == 0);
        }
        return n_found;
}

/*
 * A reader that let others have their turn stands at the start of a segment, whose file it did not
 * need yet; and then that is joined to the one before.
 */
static void check_a_reader_where_segments_are_joined(unsigned n_first)
{
        const EventLogOptions bounds = { .segment_size = 8 * 1024, .max_size = 300 * 1024 };
        static const char *const terms[] = { "event=stop", NULL };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        _cleanup_(filter_freep) Filter *filter = NULL;
        char message[FILTER_MESSAGE_SIZE], image[2000];
        const unsigned n_segments = 300, n_stops = 44;
        unsigned n_turns;

        must(filter_new(terms, &filter, message) == 0);
        memset(image, 'x', sizeof(image) - 1);
        image[sizeof(image) - 1] = '\0';
        for (unsigned i = 0; i < n_first; i++)
                record_named(log, "start", "i");
        /* A flood fills a segment, so that there is one of the others in each. */
        for (unsigned i = 1; i <= n_segments; i++) {
                for (unsigned j = 0; j < 3; j++)
                        record_named(log, "health_status", image);
                record_named(log, i <= n_segments - n_stops ? "start" : "stop", "i");
        }
        must(count_files("events") == n_segments);

        must(count_found(log, filter, false, &n_turns) == n_stops && n_turns > 0);
        tap_eq_u64(count_found(log, filter, true, &n_turns), n_stops,
                   "all are found, though segments are joined, behind %u more", n_first);
        must(count_files("events") < n_segments / 2);
}

/* Which ones become one depends on how large the first is. */
static void test_a_reader_goes_on_where_segments_are_joined(void)
{
        for (unsigned n = 0; n <= 4; n += 2)
                check_a_reader_where_segments_are_joined(n);
}

/* The caller owns it. */
static char *read_exit_records(void)
{
        _cleanup_closedir_ DIR *folder = opendir(HISTORY);
        struct dirent *entry;
        char path[300];

        must(folder);
        while ((entry = readdir(folder)))
                if (strncmp(entry->d_name, "exits-", 6) == 0 && strstr(entry->d_name, ".log"))
                        break;
        must(entry);
        snprintf(path, sizeof(path), HISTORY "/%s", entry->d_name);
        return file_read(path, NULL);
}

/* Of "n" execs, and of no health check. */
static void check_exit_records(uint64_t n)
{
        _cleanup_free_ char *text = read_exit_records();
        uint64_t n_lines = 0, n_long = 0;
        char counts[80];

        snprintf(counts, sizeof(counts), "\"Exits\":{\"exec\":%" PRIu64 ",\"container\":0}", n);
        tap_ok(text && strstr(text, counts), "they are counted: %s in %.200s", counts, text);
        tap_ok(text && !strstr(text, "health_check"), "those of health checks are not kept");
        for (char *line = text, *end; line && (end = strchr(line, '\n')); line = end + 1) {
                n_lines++;
                n_long += n_lines > 1 && end - line > 330;
        }
        tap_eq_u64(n_lines, n + 1, "not even with a line");
        tap_eq_u64(n_long, 0, "and each takes as much as was said");
}

static void test_exit_codes_outlive_their_segments(void)
{
        const EventLogOptions bounds = { .segment_size = 4 * 1024, .max_size = 16 * 1024 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        Found history, all;

        for (uint64_t seq = 1; seq <= 4000; seq++) {
                record_mixed(log, seq, seq);
                must(history_trim(log) == 0);
        }
        history = look(log, false);
        all = look(log, true);
        tap_ok(history.n_rare < 100, "the history has %" PRIu64 " left", history.n_rare);
        tap_eq_u64(all.n_rare, 4000 / RARE_EVERY, "the codes of all are kept");
        tap_ok(!all.strange, "as they were");
        check_exit_records(4000 / RARE_EVERY - history.n_rare);
        tap_eq_u64(count_files("exits-"), 1, "in one file");
        tap_ok(eventlog_oldest_seq(log) > 1, "the history begins later");

        eventlog_free(TAKE_PTR(log));
        log = log_open(&bounds);
        all = look(log, true);
        tap_eq_u64(all.n_rare, 4000 / RARE_EVERY, "also after a restart");
        tap_eq_str(history_reports, "", "of which there is nothing to be said");

        eventlog_free(TAKE_PTR(log));
        must(system("cd " HISTORY " && rm events*") == 0);
        log = log_open(&bounds);
        tap_eq_u64(look(log, true).n, 0, "those of another history are not its own");
        tap_ok(strstr(history_reports, "another history"), "which is said");
        record_mixed(log, 1, 1);
        for (uint64_t seq = 2; seq <= 400; seq++) {
                record_mixed(log, seq, seq);
                must(history_trim(log) == 0);
        }
        tap_eq_u64(look(log, true).n_rare, 400 / RARE_EVERY, "it has its own");
}

/* ---- age and free space ---- */

static void make_old(const char *path, uint64_t days)
{
        const struct timespec then = { .tv_sec = time(NULL) - (time_t)(days * 24 * 3600) };
        const struct timespec times[] = { then, then };

        must(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static void test_what_is_too_old_goes(void)
{
        const EventLogOptions bounds = { .segment_size = 4 * 1024, .max_age_nsec = 30 * DAY };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        unsigned n_files;

        record_mixed(log, 1, 100);
        must(history_trim(log) == 0);
        tap_eq_u64(look(log, false).n, 100, "nothing is too old");
        eventlog_free(TAKE_PTR(log));
        make_old(SEGMENT_FROM(1), 31);
        n_files = count_files("events-");
        log = log_open(&bounds);
        must(history_trim(log) == 0);
        tap_eq_u64(count_files("events-"), n_files - 1, "one file is");
        tap_ok(eventlog_oldest_seq(log) > 1, "and it is gone");
        tap_eq_u64(look(log, true).n_rare, 100 / RARE_EVERY, "but for the exit codes");
}

static void test_the_active_segment_is_sealed_in_time(void)
{
        /* A nanosecond old is too old. */
        const EventLogOptions bounds = { .segment_size = 1 << 20, .max_age_nsec = 1 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);

        tap_eq_int(history_trim(log), 0, "without events nothing is done");
        record_mixed(log, 1, RARE_EVERY);
        must(history_trim(log) == 0);
        tap_eq_u64(eventlog_oldest_seq(log), 0, "what was in it is gone");
        tap_eq_u64(eventlog_newest_seq(log), RARE_EVERY, "its numbers are not given again");
        tap_eq_u64(look(log, true).n_rare, 1, "its exit code is there");
        must(record_one(log, RARE_EVERY + 1) == 0);
        eventlog_free(TAKE_PTR(log));
        log = log_open(&(EventLogOptions){ .segment_size = 1 << 20 });
        tap_eq_u64(look(log, false).n, 1, "what came later is there");
}

static void test_a_full_disk_is_left_some_room(void)
{
        const EventLogOptions bounds = { .segment_size = 4 * 1024, .keep_free_percent = 5 };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = log_open(&bounds);
        uint64_t before;

        disk_size = 1000000;
        disk_used = 900000;
        record_mixed(log, 1, 400);
        must(history_trim(log) == 0);
        tap_eq_u64(look(log, false).n, 400, "there is room");
        before = eventlog_size(log);
        disk_used = 970000;
        must(history_trim(log) == 0);
        tap_ok(look(log, false).n < 400 && eventlog_size(log) < before - 20000,
               "there is not enough: %" PRIu64 " of %" PRIu64 " bytes are left", eventlog_size(log),
               before);
        tap_ok(eventlog_size(log) > before - 30000,
               "no more goes than is missing, though the disk does not show it yet");
        disk_used = disk_size;
        for (unsigned n = 0; n < 4; n++) {
                eventlog_free(TAKE_PTR(log));
                log = log_open(&bounds);
                must(history_trim(log) == 0);
        }
        tap_eq_u64(count_files("events"), 2, "a disk that others fill leaves two files");
        tap_eq_u64(look(log, true).n_rare, 400 / RARE_EVERY, "and the exit codes");
        disk_used = 0;
}

/* ---- interrupted ---- */

#define N_MIXED 100

/* One where what is rare fits, one where it does not. */
static const EventLogOptions roomy = { .segment_size = 6 * 1024, .max_size = 13 * 1024 },
                             tight = { .segment_size = 2048, .max_size = 3072 };

static void prepare(const EventLogOptions *bounds)
{
        _cleanup_log_ EventLog *log = log_open(bounds);

        record_mixed(log, 1, N_MIXED);
}

/* All exit codes are there, and where nothing needs to be removed all that is rare. */
static const char *checked(EventLog *log, bool all_rare)
{
        Found history, all;

        suspended = true;
        history = look(log, false);
        all = look(log, true);
        suspended = false;
        if (history.strange || all.strange)
                return "what is there is not what was";
        if (all.n_rare != N_MIXED / RARE_EVERY)
                return "an exit code is missing";
        if (all_rare && history.n_rare != N_MIXED / RARE_EVERY)
                return "something rare is missing";
        if (eventlog_newest_seq(log) != N_MIXED)
                return "it ends elsewhere";
        return NULL;
}

static const char *interrupt(const EventLogOptions *bounds, Faults with, bool *ret_reached)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;
        const bool all_rare = bounds == &roomy;
        const char *wrong;

        prepare(bounds);
        log = log_open(bounds);
        must(log);
        faults_start(with);
        (void)history_trim(log);
        *ret_reached = n_operations >= with.first;
        wrong = checked(log, all_rare);
        if (with.n == 1 && !wrong) {
                faults_stop();
                if (history_trim(log) < 0)
                        return "it cannot be trimmed any more";
                wrong = checked(log, all_rare);
        }
        eventlog_free(TAKE_PTR(log));
        faults_stop();
        if (wrong)
                return wrong;

        log = log_open(bounds);
        if (!log)
                return "it cannot be opened again";
        if (*history_reports)
                return history_reports;
        wrong = checked(log, all_rare);
        if (wrong)
                return wrong;
        if (history_trim(log) < 0)
                return "it cannot be trimmed any more";
        if (eventlog_size(log) > bounds->max_size)
                return "it is too large";
        if (count_files(SEGMENT_REWRITE_NAME) > 0)
                return "a file is left over";
        return checked(log, all_rare);
}

static void test_whenever_it_is_interrupted(const char *what, const EventLogOptions *bounds)
{
        static const struct {
                const char *label;
                Faults faults;
        } rows[] = {
                { "the power goes", { .n = UINT32_MAX, .error = EROFS } },
                { "the power goes inside a write",
                  { .n = UINT32_MAX, .error = EROFS, .torn = true } },
                { "the disk is full once", { .n = 1, .error = ENOSPC } },
                { "and writes a half", { .n = 1, .error = ENOSPC, .torn = true } },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                unsigned n_wrong = 0, first = 1;
                bool reached = true;

                for (; reached; first++) {
                        Faults with = rows[i].faults;
                        const char *wrong;

                        with.first = first;
                        wrong = interrupt(bounds, with, &reached);
                        if (wrong && n_wrong++ < 3)
                                printf("# operation %u (%s): %s\n", first, trace, wrong);
                        must(first < 500);
                }
                tap_eq_u64(n_wrong, 0, "%s: %s, at each of %u operations", what, rows[i].label,
                           first - 2);
        }
}

/* No crash can be made here that shows it, so the order itself is looked at. */
static void test_what_is_written_is_synced_before_anything_goes(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = NULL;

        prepare(&tight);
        log = log_open(&tight);
        faults_start((Faults){});
        must(history_trim(log) == 0);
        tap_ok(strstr(trace, "uowwsrs"), "a segment that is thinned: %s", trace);
        /* The index of what is replaced goes too. */
        tap_ok(strstr(trace, "owwwsrusu"), "one whose exit codes are kept: %s", trace);
}

int main(void)
{
        test_a_flood_does_not_push_out_what_is_rare();
        test_the_header_says_what_was_taken_out();
        test_what_is_damaged_stays_as_it_is();
        test_small_ones_become_one();
        test_a_reader_goes_on_in_what_is_thinned();
        test_a_reader_goes_on_where_segments_are_joined();
        test_exit_codes_outlive_their_segments();
        test_what_is_too_old_goes();
        test_the_active_segment_is_sealed_in_time();
        test_a_full_disk_is_left_some_room();
        test_whenever_it_is_interrupted("thinning", &roomy);
        test_whenever_it_is_interrupted("removing", &tight);
        test_what_is_written_is_synced_before_anything_goes();
        return tap_done();
}
