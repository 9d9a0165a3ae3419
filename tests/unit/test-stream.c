/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include "bus/stream.h"
#include "history.h"
#include "names.h"
#include "peers.h"
#include "tap.h"

/* The reader of the log, with a count of what it gave out whole, and a failure on demand. */
static struct {
        unsigned n_runs;
        uint64_t fail_behind; /* seq */
        bool no_runs;
} reading;

int __real_log_reader_run(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size);
int __wrap_log_reader_run(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size);
int __real_log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length);
int __wrap_log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length);

int __wrap_log_reader_run(LogReader *reader, int *ret_fd, uint64_t *ret_offset, uint64_t *ret_size)
{
        int r = reading.no_runs ? 0 : __real_log_reader_run(reader, ret_fd, ret_offset, ret_size);

        reading.n_runs += r > 0;
        return r;
}

int __wrap_log_reader_next(LogReader *reader, const char **ret_line, size_t *ret_length)
{
        if (reading.fail_behind > 0 && log_reader_seq(reader) >= reading.fail_behind)
                return -EMFILE;
        return __real_log_reader_next(reader, ret_line, ret_length);
}

/* A stream, as a client asks for it. */
typedef struct Scene {
        sd_event *loop;
        Peers peers;
        EventLog *log;
        Streams *streams;

        /* What is asked; the question is made anew each time. */
        uid_t uid;
        uint64_t after;
        const char *filter;
        bool follow;

        uint64_t committed_meanwhile; /* before the first slice of work: events up to this number */

        unsigned n_answers;
        int fd; /* of the last answer */
        char error[256];
} Scene;

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        const char *const terms[] = { scene->filter, NULL };
        char message[FILTER_MESSAGE_SIZE];
        _cleanup_question_ Question question = {
                .after = scene->after,
                .filtered = scene->filter,
        };
        int r;

        if (!sd_bus_message_is_method_call(call, "a.b", "C"))
                return 0;
        must(filter_new(terms, &question.filter, message) == 0);
        r = streams_add(scene->streams, call, scene->uid, &question, scene->follow, error);
        if (scene->committed_meanwhile > 0)
                history_fill(scene->log, eventlog_newest_seq(scene->log) + 1,
                             scene->committed_meanwhile, 100);
        return r;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Scene *scene = userdata;
        int fd;

        scene->n_answers++;
        snprintf(scene->error, sizeof(scene->error), "%s", error ? error->name : "");
        if (error)
                return 0;
        must(sd_bus_message_read(reply, "h", &fd) > 0);
        scene->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        must(scene->fd >= 0 && fcntl(scene->fd, F_SETFL, O_NONBLOCK) >= 0);
        return 0;
}

static Scene *scene_new(uint64_t n_events, uint64_t segment_size)
{
        Scene *scene = calloc(1, sizeof(Scene));

        memset(&reading, 0, sizeof(reading));
        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->peers = peers_new();
        must(sd_bus_attach_event(scene->peers.service, scene->loop, 0) >= 0 &&
             sd_bus_attach_event(scene->peers.client, scene->loop, 0) >= 0 &&
             sd_bus_add_filter(scene->peers.service, NULL, on_call, scene) >= 0);
        scene->log = history_open(segment_size);
        if (n_events > 0)
                history_fill(scene->log, 1, n_events, 100);
        while (eventlog_tend(scene->log) > 0)
                ; /* only with an index it is known that a segment is intact */
        must(streams_new(scene->loop, scene->log, &scene->streams) == 0);
        return scene;
}

static void scene_free(Scene *scene)
{
        streams_free(scene->streams);
        eventlog_free(scene->log);
        peers_done(&scene->peers);
        sd_event_unref(scene->loop);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

/* The descriptor, which the caller owns, or -1 if the call was refused. */
static int ask(Scene *scene)
{
        scene->n_answers = 0;
        scene->fd = -1;
        must(sd_bus_call_method_async(scene->peers.client, NULL, NULL, "/", "a.b", "C", on_reply,
                                      scene, NULL) >= 0);
        while (scene->n_answers == 0)
                must(sd_event_run(scene->loop, 10000000) > 0);
        return scene->fd;
}

static void run(Scene *scene)
{
        for (unsigned n_idle = 0; n_idle < 3;)
                n_idle = sd_event_run(scene->loop, 0) > 0 ? 0 : n_idle + 1;
}

static size_t print_range(char *text, uint64_t first, uint64_t last)
{
        return first > 0 ? (size_t)sprintf(text, "%" PRIu64 "-%" PRIu64 " ", first, last) : 0;
}

/*
 * What comes out of the pipe until it ends, or has no more: "1-3 5 END" for lines that are the
 * records of these numbers, "!" for any other.
 */
static const char *rest(Scene *scene, int fd, char text[static 256])
{
        static char buffer[8 << 20];
        uint64_t first = 0, last = 0;
        size_t size = 0, n = 0;
        ssize_t got;

        do {
                run(scene);
                got = read(fd, buffer + size, sizeof(buffer) - size);
                size += got > 0 ? (size_t)got : 0;
        } while (got > 0);

        text[0] = '\0';
        for (char *line = buffer, *end; (end = memchr(line, '\n', size - (size_t)(line - buffer)));
             line = end + 1) {
                size_t length = (size_t)(end - line);
                uint64_t seq = record_seq(line, length);

                if (is_event_numbered(line, length, seq) && first > 0 && seq == last + 1) {
                        last = seq;
                        continue;
                }
                n += print_range(text + n, first, last);
                first = last = seq;
                if (!is_event_numbered(line, length, seq)) {
                        n += (size_t)snprintf(text + n, 100, "!%.*s ", (int)length, line);
                        first = 0;
                }
                must(n < 128);
        }
        n += print_range(text + n, first, last);
        strcpy(text + n, got == 0 ? "END" : "...");
        return text;
}

static void test_all_of_it(void)
{
        for (unsigned runs = 0; runs < 2; runs++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_(scene_freep) Scene *scene = scene_new(5000, 256 * 1024);
                _cleanup_close_ int fd = -1, behind = -1;
                char text[256];

                reading.no_runs = runs == 0;
                fd = ask(scene);
                tap_eq_str(rest(scene, fd, text), "1-5000 END", "everything (%s)",
                           runs ? "in runs" : "by lines");
                tap_ok((reading.n_runs > 2) == (runs > 0), "%u runs go from the file into the pipe",
                       reading.n_runs);
                scene->after = 3210;
                behind = ask(scene);
                tap_eq_str(rest(scene, behind, text), "3211-5000 END", "from a place on");
        }
}

static void test_it_ends_where_it_was_asked(void)
{
        for (unsigned runs = 0; runs < 2; runs++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_(scene_freep) Scene *scene = scene_new(700, 1 << 20);
                _cleanup_close_ int fd = -1;
                char text[256];

                reading.no_runs = runs == 0;
                scene->committed_meanwhile = 1000;
                fd = ask(scene);
                tap_eq_str(rest(scene, fd, text), "1-700 END", "without what came since (%s)",
                           runs ? "in runs" : "by lines");
                tap_eq_int(reading.n_runs, runs, "though a run had more");
        }
}

static void test_following(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(3, 64 * 1024);
        _cleanup_close_ int fd = -1;
        char text[256];

        scene->follow = true;
        fd = ask(scene);
        tap_eq_str(rest(scene, fd, text), "1-3 ...", "what there is, and it goes on");
        history_fill(scene->log, 4, 5, 2);
        tap_eq_str(rest(scene, fd, text), "...", "nothing before it is told of the commit");
        streams_committed(scene->streams);
        tap_eq_str(rest(scene, fd, text), "4-5 ...", "then what was committed");
        history_fill(scene->log, 6, 3000, 100);
        streams_committed(scene->streams);
        tap_eq_str(rest(scene, fd, text), "6-3000 ...", "over segments");
        scene->streams = streams_free(scene->streams);
        tap_eq_str(rest(scene, fd, text), "END", "until all end");
}

static void test_a_failure_is_said(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(1000, 64 * 1024);
        _cleanup_close_ int fd = -1;
        char text[256];

        reading.no_runs = true;
        reading.fail_behind = 400;
        fd = ask(scene);
        tap_eq_str(rest(scene, fd, text),
                   "1-400 !{\"Error\":\"The history cannot be read: Too many open files.\"} END",
                   "in the last line");
}

static void test_limits(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(10, 64 * 1024);
        int fds[STREAMS_MAX];
        unsigned n = 0;

        scene->follow = true;
        for (scene->uid = 0; n < STREAMS_MAX; scene->uid++) {
                for (unsigned i = 0; i < STREAMS_OF_USER_MAX; i++)
                        must((fds[n++] = ask(scene)) >= 0);
                tap_eq_int(ask(scene), -1, "user %u has enough", scene->uid);
                tap_eq_str(scene->error, CE_ERROR_LIMITS_EXCEEDED, "which is said");
        }
        tap_eq_int(ask(scene), -1, "there are enough of all");
        tap_eq_str(scene->error, CE_ERROR_LIMITS_EXCEEDED, "which is said too");
        scene->uid = 0;
        tap_eq_int(ask(scene), -1, "still enough");
        close(fds[0]);
        run(scene);
        must((fds[0] = ask(scene)) >= 0);
        tap_eq_str(scene->error, "", "one is closed: there is room for another");
        while (n > 0)
                close(fds[--n]);
}

static void test_a_history_that_is_not_open(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(0, 64 * 1024);
        EventLog *closed = history_new(1 << 20, 1 << 20);

        streams_free(TAKE_PTR(scene->streams));
        must(streams_new(scene->loop, closed, &scene->streams) == 0);
        tap_eq_int(ask(scene), -1, "has no stream");
        tap_eq_str(scene->error, CE_ERROR_LOG_UNAVAILABLE, "which is said");
        streams_free(TAKE_PTR(scene->streams));
        eventlog_free(closed);
}

int main(void)
{
        signal(SIGPIPE, SIG_IGN);
        test_all_of_it();
        test_it_ends_where_it_was_asked();
        test_following();
        test_a_failure_is_said();
        test_limits();
        test_a_history_that_is_not_open();
        return tap_done();
}
