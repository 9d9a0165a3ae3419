/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without memory: whatever allocation fails, a function says -ENOMEM, and has neither crashed, nor
 * leaked, nor done a half of its work. The linker gives the calls of the service to the functions
 * here (tests/meson.build lists which); what fails inside of json-c is not ours to test.
 */
#include <dirent.h>
#include <errno.h>

#include <systemd/sd-event.h>

#include "base/line-reader.h"
#include "base/logging.h"
#include "base/utf8.h"
#include "bus/exit-code.h"
#include "configuration.h"
#include "failing-memory.h"
#include "history.h"
#include "log/record-parser.h"
#include "model/event-json.h"
#include "model/filter.h"
#include "sources/conmon-watch.h"
#include "sources/path-watch.h"
#include "sources/podman-config.h"
#include "sources/podman-entry.h"
#include "sources/podman-journal.h"
#include "sources/podman-line.h"
#include "sources/podman-log.h"
#include "sources/podman-loss.h"
#include "sources/podman-place.h"
#include "sources/podman-storage.h"
#include "tap.h"

typedef int (*DirentFilter)(const struct dirent *entry);
typedef int (*DirentCompare)(const struct dirent **a, const struct dirent **b);

WRAP(DIR *, NULL, fdopendir, (int fd), fd)
WRAP(int, -1, scandir64,
     (const char *folder, struct dirent ***ret, DirentFilter filter, DirentCompare compare), folder,
     ret, filter, compare)
WRAP(struct json_tokener *, NULL, json_tokener_new_ex, (int depth), depth)
WRAP(struct json_object *, NULL, json_object_new_boolean, (json_bool value), value)
WRAP(struct json_object *, NULL, json_object_new_double, (double value), value)
WRAP(struct json_object *, NULL, json_object_new_int, (int32_t value), value)
WRAP(struct json_object *, NULL, json_object_new_int64, (int64_t value), value)
WRAP(struct json_object *, NULL, json_object_new_uint64, (uint64_t value), value)
WRAP(struct json_object *, NULL, json_object_new_object, (void))
WRAP(struct json_object *, NULL, json_object_new_string, (const char *value), value)
WRAP(int, -1, json_object_object_add,
     (struct json_object * object, const char *key, struct json_object *value), object, key, value)
WRAP(int, -1, json_object_object_add_ex,
     (struct json_object * object, const char *key, struct json_object *value, unsigned options),
     object, key, value, options)
WRAP(const char *, NULL, json_object_to_json_string_length,
     (struct json_object * object, int flags, size_t *ret_length), object, flags, ret_length)

/*
 * Runs the function with the first allocation failing, then the second, until none does. There are
 * "n_spare" that it can do without.
 */
static void let_each_but(unsigned n_spare, const char *label, int (*function)(void))
{
        unsigned n_wrong = 0, n;

        for (n = 1;; n++) {
                int r;

                failed = false;
                countdown = n;
                r = function();
                countdown = 0;
                if (!failed) {
                        tap_eq_int(r, 0, "%s: with memory", label);
                        break;
                }
                if (r == 0 && n_spare > 0)
                        n_spare--;
                else if (r != -ENOMEM && n_wrong++ < 5)
                        printf("# allocation %u: %s\n", n,
                               r == 0 ? "nothing was said" : strerror(-r));
                must(n < 2000);
        }
        tap_eq_u64(n_wrong, 0, "%s: without, %u times", label, n - 1);
}

static void let_each_fail(const char *label, int (*function)(void))
{
        let_each_but(0, label, function);
}

/* ---- model ---- */

static struct json_object *many; /* more labels than an event may have */
static EventFields with_many;

static int make_event(void)
{
        _cleanup_event_ Event *event = NULL;

        return event_new(&with_many, &event);
}

static int make_clean_event(void)
{
        _cleanup_event_ Event *event = NULL;
        const EventAttribute attribute = { "a\xff", "b" };
        const EventFields fields = { .type = "a",
                                     .status = "b\xff",
                                     .name = "\xc3",
                                     .attributes = &attribute,
                                     .n_attributes = 1 };

        return event_new(&fields, &event);
}

static const char podman[] =
        "{\"ContainerExitCode\":9,\"ID\":\"fde8\",\"Name\":\"\xff\\u0000\",\"Status\":\"died\","
        "\"Time\":\"2026-11-21T23:13:53.860408609Z\",\"Type\":\"container\",\"health_log\":\"x\","
        "\"Attributes\":{\"foo\":\"bar\\u0000\",\"a\":\"b\"}}";

static int parse_podman_line(void)
{
        _cleanup_(event_scanner_done) EventScanner scanner = {};
        _cleanup_event_ Event *event = NULL;

        return podman_line_parse(&scanner, podman, sizeof(podman) - 1, 0, false, &event);
}

static int parse_podman_entry(void)
{
        static const char *const fields[] = {
                "PODMAN_TYPE=container",
                "PODMAN_EVENT=died",
                "PODMAN_TIME=1970-01-01T00:00:00Z",
                "_UID=0",
                "_TRANSPORT=journal",
                "PODMAN_LABELS={\"a\":\"b\\u0000\"}",
                "PODMAN_HEALTH_LOG=x",
                "PODMAN_HEALTH_FAILING_STREAK=1",
        };
        static const char name[] = "PODMAN_NAME=a\0b";
        PodmanEntry entry = {};
        int r;

        podman_entry_begin(&entry);
        r = podman_entry_put(&entry, name, sizeof(name) - 1);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fields); i++)
                r = podman_entry_put(&entry, fields[i], strlen(fields[i]));
        if (r >= 0)
                r = podman_entry_read(&entry);
        podman_entry_done(&entry);
        return r < 0 ? r : 0;
}

static int read_json(void)
{
        static const char text[] = "{\"Status\":\"a\",\"Time\":\"1970-01-01T00:00:00Z\",\"Type\":"
                                   "\"b\",\"x\":1,\"y\":2.5}";
        _cleanup_json_ struct json_object *root = NULL;
        EventFields fields;
        int r;

        r = event_json_tokenize(text, sizeof(text) - 1, &root);
        return r < 0 ? r : event_json_read(root, EVENT_JSON_PODMAN, &fields);
}

static Event *full_event; /* with every key */

static int write_json(void)
{
        _cleanup_(buffer_done) Buffer buffer = {};
        int r;

        buffer_put_literal(&buffer, "before");
        r = buffer_end(&buffer, 0);
        if (r < 0)
                return r;
        r = event_json_put(&buffer, event_fields(full_event), 1);
        must(r == 0 || (buffer.size == 6 && !buffer.failed));
        return r;
}

static int format_record(void)
{
        _cleanup_free_ char *line = NULL;
        size_t length;

        return record_format(full_event, 1, "podman 1", &line, &length);
}

static char *record, *plain_record, *header; /* without "\n" */

static int scan_record(void)
{
        _cleanup_(record_parser_done) RecordParser parser = {};
        const EventFields *fields;

        return record_parser_read(&parser, plain_record, strlen(plain_record), &fields);
}

static int scan_any_record(void)
{
        _cleanup_(record_parser_done) RecordParser parser = {};
        const EventFields *fields;

        return record_parser_read(&parser, record, strlen(record), &fields);
}

static int parse_record(void)
{
        _cleanup_event_ Event *event = NULL;

        return record_event(record, strlen(record), &event);
}

static int format_header(void)
{
        _cleanup_json_ struct json_object *positions = NULL;
        RecordHeader fields = { .format = 1, .first_seq = 1 };
        _cleanup_free_ char *line = NULL;
        size_t length;

        fields.positions = positions = json_tokener_parse("{\"podman\":\"1\"}");
        return record_format_header(&fields, &line, &length);
}

static int parse_header(void)
{
        RecordHeader fields = {};
        int r;

        r = record_parse_header(header, strlen(header), &fields);
        record_header_done(&fields);
        return r;
}

static int make_filter(void)
{
        static const char *const terms[] = { "type=pod", "label=a=b", "event!=died", NULL };
        _cleanup_(filter_freep) Filter *filter = NULL;
        char message[FILTER_MESSAGE_SIZE];

        return filter_new(terms, &filter, message);
}

static int make_valid(void)
{
        _cleanup_free_ char *text = NULL;
        size_t length;

        return utf8_sanitize("a\xff", 2, &text, &length);
}

static void test_model(void)
{
        EventFields fields = { .type = "a",
                               .status = "b",
                               .id = "c",
                               .name = "d",
                               .image = "e",
                               .engine = "f",
                               .exec_id = "g",
                               .pod_id = "h",
                               .network = "i",
                               .health_status = "j",
                               .error = "k",
                               .reason = "l",
                               .evidence = "m",
                               .has_exit_code = true,
                               .has_uid = true,
                               .oom_killed = true,
                               .synthetic = true,
                               .truncated = true,
                               .backlog = true };
        _cleanup_json_ struct json_object *positions = json_of("{\"podman\":\"1\"}");
        _cleanup_event_ Event *plain_event = NULL;
        RecordHeader of = { .format = 1, .first_seq = 1, .positions = positions };
        size_t length;

        many = json_object_new_object();
        for (int i = 0; i < 100; i++) {
                _cleanup_free_ char *value = repeated('x', 1000);
                char key[16];

                sprintf(key, "%d", i);
                json_object_object_add(many, key, json_object_new_string(value));
        }
        with_many = (EventFields){ .type = "a", .status = "b", .extra = many };
        set_labels(&with_many, many);
        fields.extra = positions;
        set_labels(&fields, positions);
        full_event = event_of(&fields);
        must(record_format(full_event, 1, NULL, &record, &length) == 0);
        record[length - 1] = '\0';
        plain_event = event_numbered(1);
        must(record_format(plain_event, 1, NULL, &plain_record, &length) == 0);
        plain_record[length - 1] = '\0';
        must(record_format_header(&of, &header, &length) == 0);
        header[length - 1] = '\0';

        let_each_fail("an event", make_event);
        let_each_fail("an event that has to be cleaned", make_clean_event);
        let_each_fail("a line of Podman", parse_podman_line);
        let_each_fail("an entry of Podman's", parse_podman_entry);
        let_each_fail("JSON that is read", read_json);
        let_each_fail("JSON that is written", write_json);
        let_each_fail("a record that is written", format_record);
        let_each_fail("a record that is read", parse_record);
        let_each_fail("a record that is scanned", scan_record);
        let_each_fail("a record that is not as expected", scan_any_record);
        let_each_fail("a header that is written", format_header);
        let_each_fail("a header that is read", parse_header);
        let_each_fail("a filter", make_filter);
        let_each_fail("text that is made valid", make_valid);

        json_object_put(many);
        event_unref(full_event);
        free(record);
        free(plain_record);
        free(header);
}

/* ---- the history ---- */

static int open_history(void)
{
        const EventLogOptions options = { .directory = HISTORY,
                                          .segment_size = 1,
                                          .max_size = UINT64_MAX };
        _cleanup_log_ EventLog *log = NULL;
        int r;

        r = eventlog_new(&options, &log);
        return r < 0 ? r : eventlog_open(log);
}

static int open_history_without_active(void)
{
        if (file_exists(SEGMENT_ACTIVE))
                must(unlink(SEGMENT_ACTIVE) == 0);
        return open_history();
}

static EventLog *open_log;
static uint64_t open_next;

/* Appends the event that gets the next number; making it is not what is tested. */
static int record_one(void)
{
        unsigned armed = countdown;
        _cleanup_event_ Event *event = NULL;
        char position[32];
        uint64_t seq = 0;
        int r;

        countdown = 0;
        event = event_numbered(open_next);
        countdown = armed;
        snprintf(position, sizeof(position), "podman %" PRIu64, open_next);
        r = eventlog_append(open_log, event, position, &seq);
        must(r < 0 || seq == open_next);
        open_next += r >= 0;
        return r;
}

/* Records two events. What failed is done again, and must then be as if it had not. */
static int record_two(void)
{
        int first = record_one(), second = record_one(), commit = eventlog_commit(open_log);

        if (commit < 0)
                must(eventlog_uncommitted(open_log) > 0 && eventlog_commit(open_log) == 0);
        must(eventlog_uncommitted(open_log) == 0);
        must(eventlog_newest_seq(open_log) == open_next - 1);
        return first < 0 ? first : second < 0 ? second : commit;
}

static int read_history(void)
{
        _cleanup_reader_ LogReader *reader = NULL;
        const char *line;
        size_t length;
        int r;

        r = log_reader_new(open_log, &(LogQuestion){ .after_seq = 3 }, &reader);
        if (r < 0)
                return r;
        while ((r = history_next(reader, &line, &length)) > 0)
                ;
        return r;
}

/* Allocations for indexes, at most: without its index a segment is read through. */
#define N_OF_INDEX 16

static void test_history(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        static char text[4096], want[64];

        let_each_but(N_OF_INDEX, "a new history", open_history);
        open_log = history_open(1);
        open_next = 1;
        history_fill(open_log, 1, 6, 2);
        open_next = 7;
        /* The positions in memory can wait for the next commit; those on the disk are there. */
        let_each_but(1 + N_OF_INDEX, "recording", record_two);
        let_each_but(N_OF_INDEX, "reading", read_history);
        snprintf(want, sizeof(want), "1-%" PRIu64, open_next - 1);
        tap_eq_str(history_after(open_log, 0, text, sizeof(text)), want, "nothing was lost");
        open_log = eventlog_free(open_log);

        file_append(SEGMENT_ACTIVE, "torn");
        let_each_but(N_OF_INDEX, "a history that is there", open_history);
        open_log = history_open(1);
        tap_eq_str(history_after(open_log, 0, text, sizeof(text)), want, "nothing was lost");
        open_log = eventlog_free(open_log);
        let_each_but(N_OF_INDEX, "a history without an active segment",
                     open_history_without_active);
}

/* ---- sources, and the rest ---- */

static int load_configuration(void)
{
        Configuration configuration = {};
        int r;

        r = configuration_load("eventsd.conf", false, &configuration);
        configuration_done(&configuration);
        return r;
}

static int load_user_configuration(void)
{
        Configuration configuration = {};
        int r;

        r = configuration_load(NULL, true, &configuration);
        configuration_done(&configuration);
        return r;
}

static int find_podman_log(void)
{
        _cleanup_free_ char *path = NULL;

        return podman_events_log_path(false, &path);
}

static int find_podman_storage(void)
{
        _cleanup_free_ char *path = NULL;

        return podman_graph_root(false, &path);
}

static int find_place(void)
{
        _cleanup_close_ int fd = file_of("a\nb\n", 4);
        PodmanPlace place = {};
        uint64_t passed;

        podman_place_advance(&place, 100, "b", 1);
        return podman_place_find(fd, &place, &passed);
}

static int hold_place(void)
{
        _cleanup_close_ int fd = file_of("a\nb\n", 4);
        PodmanPlace place = {};
        int r;

        podman_place_advance(&place, 4, "b", 1);
        r = podman_place_holds(fd, &place);
        return r < 0 ? r : 0;
}

static int make_loss(void)
{
        _cleanup_close_ int fd = file_of("", 0);
        _cleanup_event_ Event *event = NULL;

        return podman_loss_new("/x", fd, 0, 1, &event);
}

static int make_watch(void)
{
        sd_event *loop = NULL;
        PathWatch *watch = NULL;
        int r;

        must(sd_event_new(&loop) >= 0);
        r = path_watch_new(loop, "/nowhere/at/all", NULL, NULL, &watch);
        if (r >= 0)
                r = path_watch_start(watch);
        path_watch_free(watch);
        sd_event_unref(loop);
        return r;
}

static void on_made(const char *container, const char *session, uint64_t birth_nsec, bool was_there,
                    void *userdata)
{
}

static void on_missed(void *userdata)
{
}

static void on_conmon_failed(const char *sentence, void *userdata)
{
        *(int *)userdata = -ENOMEM;
}

/* What cannot be remembered is told, and not left out in silence. */
static int watch_conmon(void)
{
        int r, error = 0;
        const ConmonListener listener = {
                .made = on_made, .missed = on_missed, .failed = on_conmon_failed, .userdata = &error
        };
        _cleanup_(conmon_watch_freep) ConmonWatch *watch = NULL;
        _cleanup_free_ char *folder = realpath(".", NULL);
        char storage[PATH_MAX + 16];
        sd_event *loop = NULL;

        must(folder && sd_event_new(&loop) >= 0);
        snprintf(storage, sizeof(storage), "%s/storage", folder);
        r = conmon_watch_new(loop, storage, "/nowhere", -1, &listener, &watch);
        if (r >= 0)
                r = conmon_watch_start(watch);
        watch = conmon_watch_free(watch);
        sd_event_unref(loop);
        return r < 0 ? r : error;
}

static int make_source(void)
{
        const SourceSink sink = {};
        sd_event *loop = NULL;
        Source *source = NULL;
        int r;

        must(sd_event_new(&loop) >= 0);
        r = podman_log_new("/x/events.log", loop, &sink, NULL, &source);
        source_freep(&source);
        sd_event_unref(loop);
        return r;
}

static int make_journal_source(void)
{
        const SourceSink sink = {};
        sd_event *loop = NULL;
        Source *source = NULL;
        int r;

        must(sd_event_new(&loop) >= 0);
        r = podman_journal_new(true, loop, &sink, NULL, &source);
        source_freep(&source);
        sd_event_unref(loop);
        return r;
}

static int look_at_exit_code(void)
{
        const EventFields fields = { .type = "container", .status = "died", .id = SAMPLE_ID };
        ExitCode *exit_code;
        int r;

        r = exit_code_new(EXIT_CODE_CONTAINER, SAMPLE_ID, &exit_code);
        if (r < 0)
                return r;
        r = exit_code_look_at(exit_code, &fields);
        exit_code_free(exit_code);
        return r;
}

/* An exec session in the storage of watch_conmon(). */
static void make_session(void)
{
        static const char *const folders[] = { "storage", "overlay-containers",
                                               SAMPLE_ID, "userdata",
                                               SAMPLE_ID, "exit" };
        char path[PATH_MAX] = ".";

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                strcat(strcat(path, "/"), folders[i]);
                must(mkdir(path, 0700) == 0);
        }
}

static void test_the_rest(void)
{
        _scratch_ Scratch scratch = scratch_enter();

        logging_set_target(LOG_TARGET_NULL);
        must(mkdir("eventsd.conf.d", 0700) == 0);
        file_write("eventsd.conf", "[Log]\nDirectory=/a\nMaxSize=1G\nSegmentSize=x\n");
        file_write(
                "eventsd.conf.d/1.conf",
                "[Podman]\nEventsLog=/b\nGraphRoot=/b\nTmpDir=/b\nrubbish\n[Log]\nDirectory=/c\n");
        let_each_fail("the configuration", load_configuration);
        must(setenv("HOME", "/nowhere", 1) == 0 && setenv("XDG_STATE_HOME", "/nowhere", 1) == 0);
        must(unsetenv("XDG_CONFIG_HOME") == 0);
        let_each_fail("a user's configuration", load_user_configuration);

        file_write("containers.conf", "[engine]\ntmp_dir = \"/t\"\nevents_logfile_path = \"/x\"\n");
        must(setenv("CONTAINERS_CONF", "containers.conf", 1) == 0);
        let_each_fail("where Podman's log is", find_podman_log);
        file_write("containers.conf", "[engine]\ntmp_dir = \"/t\"\n");
        let_each_fail("where its folder is", find_podman_log);

        file_write("storage.conf", "[storage]\ngraphroot = \"/x/$HOME\"\n");
        must(setenv("CONTAINERS_STORAGE_CONF", "storage.conf", 1) == 0);
        let_each_fail("where Podman's storage is", find_podman_storage);

        let_each_fail("a place that is looked for", find_place);
        let_each_fail("a place that is looked at", hold_place);
        /* What it tells of the time. */
        let_each_but(3, "a loss", make_loss);
        let_each_fail("a watch", make_watch);
        make_session();
        let_each_fail("what conmon leaves", watch_conmon);
        let_each_fail("a source", make_source);
        let_each_fail("the journal's", make_journal_source);
        let_each_fail("an exit code", look_at_exit_code);
}

int main(void)
{
        test_model();
        test_history();
        test_the_rest();
        return tap_done();
}
