/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/syscall.h>

#include "bus/query.h"
#include "history.h"
#include "names.h"
#include "peers.h"
#include "tap.h"

#define ID_A "aaaaaaaaaaaa1111"
#define ID_B "bbbbbbbbbbbb2222"

/* Stands before the C library's: files cannot grow. */
static bool disk_is_full;

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
        struct stat st;

        must(fstat(fd, &st) == 0);
        errno = ENOSPC;
        return disk_is_full && offset + (off_t)length > st.st_size
                       ? -1
                       : syscall(SYS_pwrite64, fd, bytes, length, offset);
}

/* A page, as a client asks for it and gets it; or an exit code. */
typedef struct Scene {
        sd_event *loop;
        Peers peers;
        EventLog *log;
        Outbox *outbox;
        Queries *queries;
        uid_t uid;                    /* who asks */
        uint64_t after, since, until; /* what is asked */
        const char *filter;
        const char *exec_id; /* or that of an exec session */
        bool sees_the_end;   /* the source, when it is asked */

        uint64_t first, last; /* what is answered */
        unsigned n_events, n_answers, n_refused;
        uint64_t cursor;
        int more;
        int32_t code;
        char error[256];
} Scene;

static void append_end(Scene *scene, const char *exec_id)
{
        const EventFields fields = {
                .type = "container",
                .status = "exec_died",
                .engine = "test",
                .exec_id = exec_id,
                .exit_code = 7,
                .has_exit_code = true,
        };
        _cleanup_event_ Event *event = event_of(&fields);
        uint64_t seq;

        must(eventlog_append(scene->log, event, NULL, &seq) == 0);
}

static int exec_running(const char *id, char **ret_full_id, void *userdata)
{
        Scene *scene = userdata;

        if (scene->sees_the_end)
                append_end(scene, ID_A);
        scene->sees_the_end = false;
        return 0;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        const char *const terms[] = { scene->filter, NULL };
        char message[FILTER_MESSAGE_SIZE];
        Filter *filter;

        if (!sd_bus_message_is_method_call(call, "a.b", "C"))
                return 0;
        if (scene->exec_id) {
                const BusHost host = { .exec_running = exec_running, .userdata = scene };

                return queries_exit_code(scene->queries, &host, call, scene->uid, EXIT_CODE_EXEC,
                                         scene->exec_id, error);
        }
        must(filter_new(terms, &filter, message) == 0);
        return queries_page(scene->queries, call, scene->uid, scene->after, scene->since,
                            scene->until, filter, error);
}

static void read_events(sd_bus_message *reply, Scene *scene)
{
        must(sd_bus_message_enter_container(reply, 'a', CE_EVENT_SIGNATURE) > 0);
        while (sd_bus_message_enter_container(reply, 'r', CE_EVENT_CONTENTS) > 0) {
                uint64_t seq;

                must(sd_bus_message_skip(reply, "sssssst") >= 0 &&
                     sd_bus_message_read(reply, "t", &seq) > 0 &&
                     sd_bus_message_skip(reply, "a{sv}") >= 0 &&
                     sd_bus_message_exit_container(reply) >= 0);
                if (scene->n_events++ == 0)
                        scene->first = seq;
                scene->last = seq;
        }
        must(sd_bus_message_exit_container(reply) >= 0);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Scene *scene = userdata;
        const char *cursor;

        scene->n_answers++;
        if (error) {
                scene->n_refused++;
                snprintf(scene->error, sizeof(scene->error), "%s", error->name);
                return 0;
        }
        if (scene->exec_id) {
                must(sd_bus_message_read(reply, "i", &scene->code) > 0);
                return 0;
        }
        scene->n_events = 0;
        scene->first = scene->last = 0;
        read_events(reply, scene);
        must(sd_bus_message_read(reply, "sb", &cursor, &scene->more) > 0 &&
             sscanf(strchr(cursor, ':'), ":%" SCNu64, &scene->cursor) == 1);
        return 0;
}

static Scene *scene_new(uint64_t n_events)
{
        Scene *scene = calloc(1, sizeof(Scene));

        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->peers = peers_new();
        must(sd_bus_attach_event(scene->peers.service, scene->loop, 0) >= 0 &&
             sd_bus_attach_event(scene->peers.client, scene->loop, 0) >= 0 &&
             sd_bus_add_filter(scene->peers.service, NULL, on_call, scene) >= 0);
        scene->log = history_open(64 * 1024);
        if (n_events > 0)
                history_fill(scene->log, 1, n_events, 100);
        must(outbox_new(scene->loop, &scene->outbox) == 0);
        outbox_set_bus(scene->outbox, scene->peers.service);
        must(queries_new(scene->loop, scene->log, scene->outbox, &scene->queries) == 0);
        return scene;
}

static void scene_free(Scene *scene)
{
        queries_free(scene->queries);
        outbox_free(scene->outbox);
        eventlog_free(scene->log);
        peers_done(&scene->peers);
        sd_event_unref(scene->loop);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

/* One call, as far as it goes without a commit. */
static void start(Scene *scene, const char *exec_id)
{
        scene->exec_id = exec_id;
        scene->n_answers = 0;
        scene->error[0] = '\0';
        must(sd_bus_call_method_async(scene->peers.client, NULL, NULL, "/", "a.b", "C", on_reply,
                                      scene, NULL) >= 0);
        while (sd_event_run(scene->loop, 0) > 0)
                ;
}

static void ask(Scene *scene, unsigned n_calls)
{
        scene->n_answers = scene->n_refused = 0;
        for (unsigned i = 0; i < n_calls; i++)
                must(sd_bus_call_method_async(scene->peers.client, NULL, NULL, "/", "a.b", "C",
                                              on_reply, scene, NULL) >= 0);
        while (scene->n_answers < n_calls)
                must(sd_event_run(scene->loop, 10000000) > 0);
}

static void test_pages_follow_each_other(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(1500);

        ask(scene, 1);
        tap_eq_u64(scene->n_events, PAGE_EVENTS_MAX, "the first page is full");
        tap_eq_u64(scene->cursor, PAGE_EVENTS_MAX, "its cursor is behind it");
        tap_eq_int(scene->more, true, "and there is more");
        scene->after = scene->cursor;
        ask(scene, 1);
        tap_eq_u64(scene->first, PAGE_EVENTS_MAX + 1, "the second goes on there");
        tap_eq_u64(scene->last, 1500, "to the end");
        tap_eq_int(scene->more, false, "and there is no more");
        scene->after = scene->cursor;
        ask(scene, 1);
        tap_eq_u64(scene->n_events, 0, "behind the end there is nothing");
        tap_eq_u64(scene->cursor, 1500, "and the cursor stays");
}

static void test_what_does_not_match_is_passed_over(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(1200);

        scene->filter = "type=pod";
        ask(scene, 1);
        tap_eq_u64(scene->n_events, 0, "no event matches");
        tap_eq_u64(scene->cursor, 1200, "all were looked at");
        tap_eq_int(scene->more, false, "no other page");
}

static void test_too_many_at_once_are_refused(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(1200);

        ask(scene, QUERIES_MAX + 200);
        tap_ok(scene->n_refused > 0, "some are refused");
        tap_ok(scene->n_answers - scene->n_refused >= QUERIES_MAX, "the others are answered");
        tap_eq_str(scene->error, CE_ERROR_LIMITS_EXCEEDED, "with the right error");
        ask(scene, 1);
        tap_eq_u64(scene->n_refused, 0, "and then there is room again");
}

static void test_a_user_has_his_share(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(1200);

        scene->uid = getuid() + 1;
        ask(scene, QUERIES_OF_USER_MAX);
        tap_eq_u64(scene->n_refused, 0, "as much as a user may ask at a time");
        ask(scene, QUERIES_MAX - 1);
        tap_ok(scene->n_refused > 0, "more than that is refused, though all would fit");
}

static void test_a_history_that_is_not_open(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(0);
        EventLog *closed = history_new(1 << 20, 1 << 20);

        queries_free(TAKE_PTR(scene->queries));
        must(queries_new(scene->loop, closed, scene->outbox, &scene->queries) == 0);
        ask(scene, 1);
        tap_eq_str(scene->error, CE_ERROR_LOG_UNAVAILABLE, "is said");
        eventlog_free(closed);
}

/* The source has seen the end, and so nothing runs; and the commit is still to come. */
static void test_an_end_that_is_not_committed_yet(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(0);

        scene->sees_the_end = true;
        start(scene, ID_A);
        tap_eq_u64(scene->n_answers, 0, "is waited for");
        must(eventlog_commit(scene->log) == 0);
        queries_committed(scene->queries);
        while (sd_event_run(scene->loop, 0) > 0)
                ;
        tap_eq_u64(scene->n_answers, 1, "and answered");
        tap_eq_int(scene->code, 7, "with its code");
}

static void test_an_end_that_cannot_be_recorded(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(3);

        append_end(scene, ID_A);
        disk_is_full = true;
        must(eventlog_commit(scene->log) == -ENOSPC && eventlog_reserve(scene->log) == 0);
        start(scene, ID_A);
        tap_eq_str(scene->error, CE_ERROR_LOG_UNAVAILABLE, "is not to be told yet");
        start(scene, ID_B);
        tap_eq_str(scene->error, CE_ERROR_NO_SUCH_EXEC, "another one never was");
        disk_is_full = false;
        must(eventlog_commit(scene->log) == 0);
        start(scene, ID_A);
        tap_eq_int(scene->code, 7, "when it is recorded it is told");
}

/* What waits for a commit that fails must not wait for ever. */
static void test_a_commit_that_fails(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new(3);

        scene->sees_the_end = true;
        start(scene, ID_A);
        tap_eq_u64(scene->n_answers, 0, "is waited for");
        disk_is_full = true;
        must(eventlog_commit(scene->log) == -ENOSPC && eventlog_reserve(scene->log) == 0);
        queries_committed(scene->queries);
        while (sd_event_run(scene->loop, 0) > 0)
                ;
        tap_eq_str(scene->error, CE_ERROR_LOG_UNAVAILABLE, "and then it is said");
        disk_is_full = false;
}

int main(void)
{
        test_pages_follow_each_other();
        test_what_does_not_match_is_passed_over();
        test_too_many_at_once_are_refused();
        test_a_user_has_his_share();
        test_a_history_that_is_not_open();
        test_an_end_that_is_not_committed_yet();
        test_an_end_that_cannot_be_recorded();
        test_a_commit_that_fails();
        return tap_done();
}
