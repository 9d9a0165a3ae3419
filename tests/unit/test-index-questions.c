/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whatever is asked, the reader that narrows by index gives all that a plain walk finds: random
 * events, random questions, random faults. And it looks at little that does not match.
 */

#include <dirent.h>

#include "history.h"
#include "log/key-filter.h"
#include "model/filter.h"
#include "tap.h"

#define N_EVENTS     1200
#define SEGMENT_SIZE (20 * 1024)
#define N_QUESTIONS  100

/* The same for ever, so that a failure can be looked at again. */
static uint64_t random_state = 88172645463325252;

static unsigned below(unsigned limit)
{
        return random_below(&random_state, limit);
}

#define PICK(words) words[below(ELEMENTSOF(words))]

static const char *const types[] = { "container", "container", "container", "pod",
                                     "image",     "volume",    "network",   "system" };
static const char *const statuses[] = { "start",     "start",  "died",          "die", "exec",
                                        "exec_died", "remove", "health_status", "rm" };
static const char *const engines[] = { "podman", "podman", "podman", "docker", "" };
static const char *const label_keys[] = { "app", "team", "io.podman.compose.project", "\"quoted\"",
                                          "k\xc3\xa4se" };
static const char *const label_values[] = { "web", "db", "", "a=b", "back\\slash", "x/y" };

static void make_id(char id[static 80], uint32_t number)
{
        if (number % 17 == 0)
                snprintf(id, 80, "odd-%u", number);
        else if (number % 23 == 0)
                snprintf(id, 80, "sha256:%08x%056x", number * 2654435761U, number);
        else
                snprintf(id, 80, "%08x%056x", number * 2654435761U, number);
}

static void make_name(char name[static 32], uint32_t number)
{
        static const char *const odd[] = { "db", "caf\xc3\xa9", "a\"b", "sha256:x", "00" };

        if (number % 11 == 0)
                snprintf(name, 32, "%s", odd[number / 11 % ELEMENTSOF(odd)]);
        else
                snprintf(name, 32, "c%u", number);
}

/* Times are near each other, and not in order. */
static uint64_t make_time(uint32_t i)
{
        return SAMPLE_TIME + (uint64_t)i * 1000000 + below(300) * 1000000;
}

static void append_random(EventLog *log, uint32_t i)
{
        _cleanup_event_ Event *event = NULL;
        EventAttribute labels[40];
        uint32_t object = below(60), exec = below(200);
        char id[80], name[32], exec_id[80];
        EventFields fields = { .type = PICK(types),
                               .status = PICK(statuses),
                               .id = id,
                               .name = name,
                               .image = "localhost/bb:latest",
                               .engine = PICK(engines),
                               .time_nsec = make_time(i),
                               .exit_code = (int32_t)below(4),
                               .has_exit_code = below(3) == 0,
                               .uid = below(3) * 1000,
                               .has_uid = below(3) == 0,
                               .exec_id = below(4) == 0 ? exec_id : NULL,
                               .network = below(9) == 0 ? "bridge" : NULL,
                               .attributes = labels };
        uint64_t seq;

        make_id(id, object);
        make_name(name, object);
        make_id(exec_id, exec + 1000);
        fields.n_attributes = below(50) == 0 ? ELEMENTSOF(labels) : below(4);
        for (size_t n = 0; n < fields.n_attributes; n++)
                labels[n] = (EventAttribute){ PICK(label_keys), PICK(label_values) };
        event = event_of(&fields);
        must(eventlog_append(log, event, NULL, &seq) == 0);
        if (below(5) == 0 || i + 1 == N_EVENTS)
                must(eventlog_commit(log) == 0);
}

/* One string of a filter. */
static void make_term(char term[static 128])
{
        const char *operator= below(6) == 0 ? "!=" : "=";
        uint32_t object = below(66);
        char id[80], name[32];

        make_id(id, object + (below(2) ? 1000 : 0));
        make_name(name, object);
        id[1 + below(70)] = '\0';
        switch (below(16)) {
        case 0:
                snprintf(term, 128, "type%s%s", operator, PICK(types));
                break;
        case 1:
                snprintf(term, 128, "event%s%s", operator, PICK(statuses));
                break;
        case 2:
                snprintf(term, 128, "engine%sdocker", operator);
                break;
        case 3:
        case 4:
                snprintf(term, 128, "container%s%s", operator, below(2) ? name : id);
                break;
        case 5:
                snprintf(term, 128, "pod%s%s", operator, below(2) ? name : id);
                break;
        case 6:
                snprintf(term, 128, "image%s%s", operator, below(2) ? name : id);
                break;
        case 7:
                snprintf(term, 128, "network%s%s", operator, below(2) ? "bridge" : id);
                break;
        case 8:
                snprintf(term, 128, "volume%s%.2s", operator, name);
                break;
        case 9:
                snprintf(term, 128, "name%s%s", operator, name);
                break;
        case 10:
                snprintf(term, 128, "id%s%s", operator, id);
                break;
        case 11:
                snprintf(term, 128, "exec%s%s", operator, id);
                break;
        case 12:
                snprintf(term, 128, "exit_code%s%u", operator, below(5));
                break;
        case 13:
                snprintf(term, 128, "uid%s%u", operator, below(4) * 1000);
                break;
        case 14:
                snprintf(term, 128, "label%s%s", operator, PICK(label_keys));
                break;
        default:
                snprintf(term, 128, "label%s%s=%s", operator, PICK(label_keys), PICK(label_values));
        }
}

typedef struct Asked {
        LogQuestion question;
        Filter *filter;
        char text[1024];
} Asked;

static Asked make_question(void)
{
        const char *list[5] = {};
        char terms[4][128], message[FILTER_MESSAGE_SIZE];
        uint32_t n = below(4);
        Asked asked = {};

        for (uint32_t i = 0; i < n; i++) {
                make_term(terms[i]);
                list[i] = terms[i];
                strcat(strcat(asked.text, " "), terms[i]);
        }
        must(filter_new(list, &asked.filter, message) == 0);
        asked.question.filter = asked.filter;
        if (below(3) == 0)
                asked.question.after_seq = below(N_EVENTS + 10);
        if (below(3) == 0)
                asked.question.since_nsec = make_time(below(N_EVENTS));
        if (below(3) == 0)
                asked.question.until_nsec =
                        (asked.question.since_nsec ? asked.question.since_nsec : SAMPLE_TIME) +
                        (uint64_t)below(500) * 1000000;
        return asked;
}

static bool passes(const LogQuestion *question, const EventFields *event)
{
        return event->time_nsec >= question->since_nsec &&
               (question->until_nsec == 0 || event->time_nsec < question->until_nsec) &&
               filter_matches(question->filter, event);
}

/* The numbers of the events that answer a question, and how many were given out in all. */
static size_t answer(EventLog *log, const LogQuestion *question, uint64_t *seqs,
                     size_t *ret_looked_at)
{
        _cleanup_reader_ LogReader *reader = NULL;
        size_t length, n = 0, looked_at = 0;
        const char *line;
        int r;

        must(log_reader_new(log, question, &reader) == 0);
        while ((r = history_next(reader, &line, &length)) > 0) {
                _cleanup_event_ Event *event = NULL;

                must(record_event(line, length, &event) == 0);
                looked_at++;
                if (passes(question, event_fields(event)))
                        seqs[n++] = event_fields(event)->seq;
        }
        must(r == 0);
        *ret_looked_at = looked_at;
        return n;
}

/* All events, by a walk over all lines. */
static size_t walk(EventLog *log, Event **events)
{
        _cleanup_reader_ LogReader *reader = NULL;
        size_t length, n = 0;
        const char *line;

        must(log_reader_new(log, &(LogQuestion){}, &reader) == 0);
        while (history_next(reader, &line, &length) > 0)
                must(record_event(line, length, events + n++) == 0);
        return n;
}

static size_t pick_answer(Event *const *events, size_t n, const LogQuestion *question,
                          uint64_t *seqs)
{
        size_t n_found = 0;

        for (size_t i = 0; i < n; i++) {
                const EventFields *fields = event_fields(events[i]);

                if (fields->seq > question->after_seq && passes(question, fields))
                        seqs[n_found++] = fields->seq;
        }
        return n_found;
}

/* Returns how many questions were answered otherwise than by a plain walk. */
static unsigned compare_with_walk(EventLog *log, unsigned n_questions)
{
        static uint64_t want[N_EVENTS], got[N_EVENTS];
        static Event *events[N_EVENTS];
        size_t n = walk(log, events), looked_at;
        unsigned n_wrong = 0;

        for (unsigned i = 0; i < n_questions; i++) {
                Asked asked = make_question();
                size_t n_want = pick_answer(events, n, &asked.question, want);
                size_t n_got = answer(log, &asked.question, got, &looked_at);

                if (n_want != n_got || memcmp(want, got, n_want * sizeof(uint64_t)) != 0) {
                        if (n_wrong++ < 5)
                                printf("# %zu and not %zu:%s after %" PRIu64 " since %" PRIu64
                                       " until %" PRIu64 "\n",
                                       n_got, n_want, asked.text, asked.question.after_seq,
                                       asked.question.since_nsec, asked.question.until_nsec);
                }
                filter_free(asked.filter);
        }
        for (size_t i = 0; i < n; i++)
                event_unref(events[i]);
        return n_wrong;
}

static void tend(EventLog *log)
{
        while (eventlog_tend(log) > 0)
                ;
}

static EventLog *random_history(void)
{
        EventLog *log = history_open(SEGMENT_SIZE);

        for (uint32_t i = 0; i < N_EVENTS; i++)
                append_random(log, i);
        return log;
}

/* Calls the function for each file with that suffix. Returns how many there are. */
static unsigned each_file(const char *suffix, void (*function)(const char *path))
{
        DIR *folder = opendir(HISTORY);
        struct dirent *entry;
        unsigned n = 0;

        must(folder);
        while ((entry = readdir(folder)))
                if (strstr(entry->d_name, suffix)) {
                        char path[PATH_MAX];

                        snprintf(path, sizeof(path), HISTORY "/%s", entry->d_name);
                        if (function)
                                function(path);
                        n++;
                }
        closedir(folder);
        return n;
}

static unsigned each_index(void (*function)(const char *path))
{
        return each_file(SEGMENT_INDEX_SUFFIX, function);
}

static void test_random_questions(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = random_history();
        unsigned n_segments = 0;

        tap_eq_u64(compare_with_walk(log, N_QUESTIONS), 0, "with all indexes in memory");
        tap_eq_u64(each_index(NULL), 0, "none is on the disk yet");
        tend(log);
        for (const Segment *s = NULL; (s = logfile_segment_after(log, s ? s->first_seq : 0));)
                n_segments++;
        tap_eq_u64(each_index(NULL), n_segments - 1, "each sealed segment gets its file");
        must(n_segments > KEY_FILTER_SEGMENTS);
        tap_eq_u64(each_file(".filter", NULL), (n_segments - 1) / KEY_FILTER_SEGMENTS,
                   "and each row of them a filter");
        tap_eq_u64(compare_with_walk(log, N_QUESTIONS), 0, "with indexes from files");

        eventlog_free(TAKE_PTR(log));
        log = history_open(SEGMENT_SIZE);
        tap_eq_u64(compare_with_walk(log, N_QUESTIONS), 0, "after a restart");
        tap_eq_str(history_reports, "", "nothing is said");
}

static void test_questions_while_indexes_are_made(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = random_history();
        unsigned n_wrong = 0;

        eventlog_free(TAKE_PTR(log));
        each_index((void (*)(const char *))(void (*)(void))unlink);
        log = history_open(SEGMENT_SIZE);
        n_wrong += compare_with_walk(log, 50);
        while (eventlog_tend(log) > 0)
                n_wrong += compare_with_walk(log, 10);
        tap_eq_u64(n_wrong, 0, "they are answered at every step");
        tap_ok(each_index(NULL) > 5, "then they are there again");
        tap_eq_u64(compare_with_walk(log, 50), 0, "and used");
}

static void damage(const char *path)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);
        struct stat st;

        must(fd >= 0 && fstat(fd, &st) == 0);
        switch (below(4)) {
        case 0:
                must(ftruncate(fd, below((uint32_t)st.st_size)) == 0);
                break;
        case 1:
                must(unlink(path) == 0);
                break;
        default:
                for (unsigned i = 0; i < 20; i++) {
                        char byte = (char)below(256);

                        must(pwrite(fd, &byte, 1, below((uint32_t)st.st_size)) == 1);
                }
        }
        close(fd);
}

static void test_questions_to_damaged_indexes(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = random_history();
        unsigned n_wrong = 0;

        tend(log);
        for (unsigned round = 0; round < 8; round++) {
                /* Half of the time under our feet. */
                if (round % 2 == 0)
                        eventlog_free(TAKE_PTR(log));
                each_index(damage);
                each_file(".filter", damage);
                if (round % 2 == 0)
                        log = history_open(SEGMENT_SIZE);
                n_wrong += compare_with_walk(log, 30);
                tend(log);
                n_wrong += compare_with_walk(log, 10);
        }
        tap_eq_u64(n_wrong, 0, "nothing is missed");
        tap_ok(strstr(history_reports, "is damaged, and is made again"), "it is said");
}

/* Lines that are damaged behind the back of their index. */
static void test_damaged_lines(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = random_history();
        unsigned n_wrong = 0;

        tend(log);
        for (unsigned round = 0; round < 6; round++) {
                const Segment *segment = logfile_segment_of(log, 1 + below(N_EVENTS));
                char name[SEGMENT_NAME_SIZE], path[PATH_MAX];
                int fd;

                segment_name(segment, name);
                snprintf(path, sizeof(path), HISTORY "/%s", name);
                fd = open(path, O_RDWR | O_CLOEXEC);
                must(fd >= 0);
                for (unsigned i = 0; i < 5; i++)
                        must(pwrite(fd, "\n", 1, below((uint32_t)segment->size)) == 1);
                close(fd);
                n_wrong += compare_with_walk(log, 30);
        }
        tap_eq_u64(n_wrong, 0, "the others are found");
}

static void test_a_rare_event_costs_little(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(SEGMENT_SIZE);
        const char *const terms[] = { "container=c1134", NULL };
        char message[FILTER_MESSAGE_SIZE];
        _cleanup_reader_ LogReader *reader = NULL;
        LogQuestion question = {};
        size_t looked_at;
        uint64_t seqs[8];
        Filter *filter;

        history_fill(log, 1, N_EVENTS, 100);
        must(filter_new(terms, &filter, message) == 0);
        question.filter = filter;
        tap_eq_u64(answer(log, &question, seqs, &looked_at), 1, "it is found");
        tap_eq_u64(looked_at, 1, "in memory, and no other is looked at");
        tend(log);
        tap_eq_u64(answer(log, &question, seqs, &looked_at), 1, "and again");
        tap_eq_u64(looked_at, 1, "in files, and no other is looked at");
        filter_free(filter);
}

/* A reader that waits at the end gets what comes, through rotations and while indexes become files.
 */
static void test_a_reader_that_waits(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        const char *const terms[] = { "exit_code=7", NULL };
        char message[FILTER_MESSAGE_SIZE];
        _cleanup_reader_ LogReader *reader = NULL;
        LogQuestion question = {};
        unsigned n = 0, n_wanted = 0;
        Filter *filter;

        must(filter_new(terms, &filter, message) == 0);
        question.filter = filter;
        must(log_reader_new(log, &question, &reader) == 0);
        for (uint64_t seq = 1; seq <= 1000; seq++) {
                _cleanup_event_ Event *event = NULL;
                const char *line;
                size_t length;

                must(history_append(log, seq) == 0 && eventlog_commit(log) == 0);
                if (seq % 50 == 0)
                        tend(log);
                n_wanted += seq % 256 == 7;
                while (history_next(reader, &line, &length) > 0) {
                        must(record_event(line, length, &event) == 0);
                        n += event_fields(event)->exit_code == 7;
                        event = event_unref(event);
                }
        }
        tap_eq_u64(n, n_wanted, "it gets each once");
        filter_free(filter);
}

/* Runs, and what lies between them, are together all lines, each once. */
static void test_runs(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(16384);
        uint64_t expected = 101;
        unsigned n_runs = 0, n_wrong = 0;
        _cleanup_reader_ LogReader *reader = NULL;

        history_fill(log, 1, 500, 10);
        tend(log);
        must(log_reader_new(log, &(LogQuestion){ .after_seq = 100 }, &reader) == 0);
        for (;;) {
                uint64_t offset, size;
                const char *line;
                size_t length;
                int fd, r;

                r = log_reader_run(reader, &fd, &offset, &size);
                must(r >= 0);
                if (r > 0) {
                        _cleanup_free_ char *text = malloc(size + 1);

                        must(text && pread(fd, text, size, (off_t)offset) == (ssize_t)size);
                        text[size] = '\0';
                        close(fd);
                        n_runs++;
                        for (char *end; (end = strchr(text, '\n'));
                             memmove(text, end + 1, strlen(end)))
                                n_wrong +=
                                        !is_event_numbered(text, (size_t)(end - text), expected++);
                        n_wrong += *text != '\0';
                        continue;
                }
                r = history_next(reader, &line, &length);
                must(r >= 0);
                if (r > 0) {
                        n_wrong += !is_event_numbered(line, length, expected++);
                } else {
                        if (expected > 600)
                                break;
                        history_fill(log, 501, 600, 100);
                }
        }
        tap_eq_u64(n_wrong, 0, "each line is the next");
        tap_eq_u64(expected, 601, "to the end");
        tap_ok(n_runs >= 5, "mostly in runs: %u", n_runs);
}

/* ---- what is left of another past ---- */

static void record_named(EventLog *log, const char *name)
{
        _cleanup_event_ Event *event = event_of(&(EventFields){
                .type = "container", .status = "start", .name = name, .time_nsec = SAMPLE_TIME });
        uint64_t seq;

        must(eventlog_append(log, event, NULL, &seq) == 0 && eventlog_commit(log) == 0);
}

static unsigned count_named(EventLog *log, const char *name)
{
        _cleanup_(filter_freep) Filter *filter = NULL;
        _cleanup_reader_ LogReader *reader = NULL;
        char term[32], message[FILTER_MESSAGE_SIZE];
        const char *const terms[] = { term, NULL };
        const char *line;
        unsigned n = 0;
        size_t length;

        snprintf(term, sizeof(term), "container=%s", name);
        must(filter_new(terms, &filter, message) == 0);
        must(log_reader_new(log, &(LogQuestion){ .filter = filter }, &reader) == 0);
        while (history_next(reader, &line, &length) > 0)
                n += memmem(line, length, name, strlen(name)) != NULL;
        return n;
}

/*
 * The newest segments are gone, as after a restored backup: numbers are given again. What was known
 * of the old ones by their numbers must not be taken for the new ones.
 */
static void test_what_is_known_of_other_events(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_log_ EventLog *log = history_open(4096);
        char command[256];

        for (unsigned i = 0; i < 600; i++)
                record_named(log, "past");
        while (eventlog_tend(log) > 0)
                ;
        must(access(HISTORY "/events-00000000000000000001.filter", F_OK) == 0);
        eventlog_free(TAKE_PTR(log));

        snprintf(command, sizeof(command),
                 "rm " HISTORY "/%s $(ls " HISTORY "/events-*.log | sed 1,3d)",
                 SEGMENT_ACTIVE_NAME);
        must(system(command) == 0);
        log = history_open(4096);
        must(eventlog_newest_seq(log) < 200);
        for (unsigned i = 0; i < 600; i++)
                record_named(log, "here");
        tap_eq_u64(count_named(log, "here"), 600, "events with numbers that are given again");

        /* It ends before the indexes of what was sealed are made. */
        eventlog_free(TAKE_PTR(log));
        log = history_open(4096);
        tap_eq_u64(count_named(log, "here"), 600, "also after a restart");
        while (eventlog_tend(log) > 0)
                ;
        tap_eq_u64(count_named(log, "here"), 600, "and when everything was made again");
}

int main(void)
{
        test_random_questions();
        test_questions_while_indexes_are_made();
        test_questions_to_damaged_indexes();
        test_damaged_lines();
        test_a_rare_event_costs_little();
        test_a_reader_that_waits();
        test_runs();
        test_what_is_known_of_other_events();
        return tap_done();
}
