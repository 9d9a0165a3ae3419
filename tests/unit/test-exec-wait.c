/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/syscall.h>
#include <systemd/sd-event.h>

#include "bus/exec-wait.h"
#include "bus/waiter.h"
#include "history.h"
#include "names.h"
#include "peers.h"
#include "tap.h"

#define ID_A  "aaaaaaaaaaaa1111"
#define ID_A2 "aaaaaaaaaaaa2222"
#define ID_B  "bbbbbbbbbbbb3333"

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

typedef struct Call {
        char answer[32]; /* the code, or the last word of the error's name; "": none yet */
        char says[256];
} Call;

typedef struct Scene {
        sd_event *loop;
        Peers peers;
        EventLog *log;
        Outbox *outbox;
        BusHost host;
        ExecWaits *waits;
        uid_t uid;       /* whose calls these are */
        unsigned caller; /* and from which connection, ":1.NUMBER" */
        unsigned n_added, n_answers;

        /* What the sources say. */
        const char *running;
        const char *ends; /* the one that they see end while they are asked */
        unsigned n_asked;
} Scene;

/* ---- the history ---- */

static void append_of(Scene *scene, uid_t uid, const char *status, const char *exec_id, int code)
{
        const EventFields fields = {
                .type = "container",
                .status = status,
                .id = "cccccccccccc",
                .engine = "test",
                .exec_id = exec_id,
                .exit_code = code,
                .has_exit_code = code >= 0,
                .uid = uid,
                .has_uid = true,
        };
        _cleanup_event_ Event *event = event_of(&fields);
        uint64_t seq;

        must(eventlog_append(scene->log, event, NULL, &seq) == 0);
}

static void append(Scene *scene, const char *status, const char *exec_id, int code)
{
        append_of(scene, 0, status, exec_id, code);
}

static void commit(Scene *scene)
{
        must(eventlog_commit(scene->log) == 0);
        exec_waits_committed(scene->waits);
}

static void tell(Scene *scene, const char *status, const char *exec_id, int code)
{
        append(scene, status, exec_id, code);
        commit(scene);
}

/* ---- the service ---- */

static int exec_running(const char *id, char **ret_full_id, void *userdata)
{
        Scene *scene = userdata;

        scene->n_asked++;
        if (scene->ends) {
                append(scene, "exec_died", scene->ends, 7);
                scene->ends = NULL;
        }
        if (!scene->running || strncmp(scene->running, id, strlen(id)) != 0)
                return 0;
        *ret_full_id = strdup(scene->running);
        must(*ret_full_id);
        return 1;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        uint64_t timeout_usec;
        const char *id;

        if (!sd_bus_message_is_method_call(call, "a.b", "C"))
                return 0;
        scene->n_added++;
        must(sd_bus_message_read(call, "st", &id, &timeout_usec) > 0);
        return exec_waits_add(scene->waits, call, scene->uid, id, timeout_usec, error);
}

static Scene *scene_new(void)
{
        Scene *scene = calloc(1, sizeof(Scene));

        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->peers = peers_new();
        must(sd_bus_attach_event(scene->peers.service, scene->loop, 0) >= 0 &&
             sd_bus_attach_event(scene->peers.client, scene->loop, 0) >= 0 &&
             sd_bus_add_filter(scene->peers.service, NULL, on_call, scene) >= 0);
        scene->log = history_open(64 * 1024);
        must(outbox_new(scene->loop, &scene->outbox) == 0);
        outbox_set_bus(scene->outbox, scene->peers.service);
        scene->host = (BusHost){
                .loop = scene->loop,
                .log = scene->log,
                .exec_running = exec_running,
                .userdata = scene,
        };
        must(exec_waits_new(&scene->host, scene->outbox, &scene->waits) == 0);
        return scene;
}

static void scene_free(Scene *scene)
{
        disk_is_full = false;
        exec_waits_free(scene->waits);
        outbox_free(scene->outbox);
        eventlog_free(scene->log);
        peers_done(&scene->peers);
        sd_event_unref(scene->loop);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

#define _cleanup_scene_ _cleanup_(scene_freep)

/* Until nobody has anything to do. */
static void run(Scene *scene)
{
        int r;

        do {
                r = sd_event_run(scene->loop, 0);
                must(r >= 0);
        } while (r > 0);
}

/* ---- callers ---- */

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Call *call = userdata;
        int code;

        if (error) {
                snprintf(call->answer, sizeof(call->answer), "%s", strrchr(error->name, '.') + 1);
                snprintf(call->says, sizeof(call->says), "%s", error->message);
        } else {
                must(sd_bus_message_read(reply, "i", &code) > 0);
                snprintf(call->answer, sizeof(call->answer), "%d", code);
        }
        return 0;
}

static void send_call(Scene *scene, const char *id, uint64_t timeout_usec, Call *call)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        char name[32];

        *call = (Call){};
        snprintf(name, sizeof(name), ":1.%u", scene->caller);
        must(sd_bus_message_new_method_call(scene->peers.client, &message, NULL, "/", "a.b", "C") >=
                     0 &&
             sd_bus_message_set_sender(message, name) >= 0 &&
             sd_bus_message_append(message, "st", id, timeout_usec) >= 0 &&
             sd_bus_call_async(scene->peers.client, NULL, message, on_reply, call, UINT64_MAX) >=
                     0);
}

/* One that is answered at once. */
static Call ask(Scene *scene, const char *id)
{
        Call call;

        send_call(scene, id, 0, &call);
        run(scene);
        must(*call.answer);
        return call;
}

/* The connection is no more on the bus. */
static void leave(Scene *scene, unsigned caller)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        char name[32];

        snprintf(name, sizeof(name), ":1.%u", caller);
        must(sd_bus_message_new_signal(scene->peers.client, &message, "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "NameOwnerChanged") >= 0 &&
             sd_bus_message_set_sender(message, "org.freedesktop.DBus") >= 0 &&
             sd_bus_message_append(message, "sss", name, name, "") >= 0 &&
             sd_bus_send(scene->peers.client, message, NULL) >= 0);
        run(scene);
}

/* ---- tests ---- */

static void test_what_runs_by_the_sources_is_waited_for(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call full, prefix, other;

        scene->running = ID_A;
        send_call(scene, ID_A, 0, &full);
        send_call(scene, "aaaaaaaaaaaa", 0, &prefix);
        send_call(scene, ID_B, 0, &other);
        run(scene);
        tap_eq_str(other.answer, "NoSuchExec", "what does not run and never ran is not");
        tap_ok(!*full.answer && !*prefix.answer, "what runs is, by its ID and by the start of it");
        tell(scene, "exec_died", ID_A2, 3);
        run(scene);
        tap_ok(!*full.answer && !*prefix.answer, "the end of another is no end");
        scene->running = NULL;
        tell(scene, "exec_died", ID_A, 4);
        run(scene);
        tap_eq_str(full.answer, "4", "its end is");
        tap_eq_str(prefix.answer, "4", "for both");
}

static void test_a_prefix_of_one_that_runs_and_one_that_ended(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call call;

        scene->running = ID_A;
        tell(scene, "exec_died", ID_A2, 3);
        call = ask(scene, "aaaaaaaaaaaa");
        tap_eq_str(call.answer, "InvalidArgs", "is ambiguous");
        call = ask(scene, ID_A2);
        tap_eq_str(call.answer, "3", "the whole ID is not");
}

/* Any user can write it into the journal. */
static void test_a_user_s_word_does_not_end_what_is_root_s(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call seen, told, users;

        tell(scene, "exec", ID_B, -1);
        append_of(scene, getuid() + 5, "exec", ID_A2, -1);
        commit(scene);
        scene->running = ID_A;
        send_call(scene, ID_A, 0, &seen);
        send_call(scene, ID_B, 0, &told);
        send_call(scene, ID_A2, 0, &users);
        run(scene);
        append_of(scene, getuid() + 5, "exec_died", ID_A, 1);
        append_of(scene, getuid() + 5, "exec_died", ID_B, 2);
        append_of(scene, getuid() + 5, "exec_died", ID_A2, 3);
        commit(scene);
        run(scene);
        tap_eq_str(seen.answer, "", "what the sources see running");
        tap_eq_str(told.answer, "", "nor what root has told of");
        tap_eq_str(users.answer, "3", "his own it does");
        scene->running = NULL;
        append(scene, "exec_died", ID_A, 4);
        tell(scene, "exec_died", ID_B, 5);
        run(scene);
        tap_eq_str(seen.answer, "4", "root's word does");
        tap_eq_str(told.answer, "5", "for both");
}

/* The source has seen the end, and so nothing runs; and the commit is still to come. */
static void test_an_end_that_is_not_committed_yet(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call call;

        scene->ends = ID_A;
        send_call(scene, ID_A, 0, &call);
        run(scene);
        tap_eq_str(call.answer, "", "is waited for");
        tap_eq_u64(scene->n_asked, 1, "the sources were asked");
        commit(scene);
        run(scene);
        tap_eq_str(call.answer, "7", "and found");
        tap_eq_u64(scene->n_asked, 1, "without asking them again");
}

/* A call comes, and before the history is asked another end is committed; or while it is. */
static void test_ends_between_asking_and_waiting(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        unsigned n_right = 0;

        for (unsigned turns = 0; turns < 12; turns++) {
                char id[32], want[8];
                Call call;

                snprintf(id, sizeof(id), "%016u", turns);
                snprintf(want, sizeof(want), "%u", turns);
                tell(scene, "exec", id, -1);
                send_call(scene, id, 0, &call);
                for (unsigned i = 0; i < turns; i++)
                        must(sd_event_run(scene->loop, 0) >= 0);
                tell(scene, "exec_died", id, (int)turns);
                run(scene);
                n_right += strcmp(call.answer, want) == 0;
        }
        tap_eq_u64(n_right, 12, "an end is found wherever it comes in between");
}

/* Lines that have the ID in them and are not about it, so that a question takes several turns. */
static void fill(Scene *scene, unsigned n)
{
        const EventFields fields = {
                .type = "container",
                .status = "exec",
                .name = "aaaaaaaaaaaa",
                .engine = "test",
                .exec_id = "aaaaaabbbbbb",
        };
        _cleanup_event_ Event *event = event_of(&fields);
        uint64_t seq;

        for (unsigned i = 0; i < n; i++)
                must(eventlog_append(scene->log, event, NULL, &seq) == 0);
        commit(scene);
}

/* The same of one that only the sources knew of, by the start of its ID: they said that it runs. */
static void test_one_that_ends_while_it_is_looked_for(void)
{
        unsigned n_right = 0;

        for (unsigned turns = 0; turns < 20; turns++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_scene_ Scene *scene = scene_new();
                Call call;

                fill(scene, 2500);
                scene->running = ID_A;
                send_call(scene, "aaaaaaaaaaaa", 0, &call);
                for (unsigned i = 0; i < turns; i++)
                        must(sd_event_run(scene->loop, 0) >= 0);
                scene->running = NULL;
                tell(scene, "exec_died", ID_A, -1);
                run(scene);
                n_right += strcmp(call.answer, "ExitCodeUnknown") == 0;
        }
        tap_eq_u64(n_right, 20, "an end without a code is found wherever it comes in between");
}

static void test_one_that_begins_while_it_is_looked_for(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call before, after;

        append(scene, "exec", ID_B, -1); /* the question waits for this one's commit */
        send_call(scene, ID_A, 0, &before);
        run(scene);
        scene->running = ID_A;
        send_call(scene, ID_A, 0, &after);
        run(scene);
        commit(scene);
        run(scene);
        tap_eq_str(before.answer, "NoSuchExec", "who asked before gets the truth of then");
        tap_eq_str(after.answer, "", "and who asked after that waits");
}

static void test_when_the_time_is_up(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call soon, later, forever, overflow;

        scene->running = ID_A;
        send_call(scene, ID_A, 1000, &soon);
        send_call(scene, ID_A, 30000, &later);
        send_call(scene, ID_A, 0, &forever);
        send_call(scene, ID_A, UINT64_MAX - 5, &overflow);
        while (!*soon.answer)
                must(sd_event_run(scene->loop, UINT64_MAX) >= 0);
        tap_eq_str(soon.answer, "TimedOut", "it is said");
        tap_ok(strstr(soon.says, ID_A), "%s", soon.says);
        tap_eq_str(later.answer, "", "to him alone");
        while (!*later.answer)
                must(sd_event_run(scene->loop, UINT64_MAX) >= 0);
        tap_eq_str(later.answer, "TimedOut", "and then to the next");
        tap_ok(!*forever.answer && !*overflow.answer, "never, or in 500,000 years, is not now");
        tell(scene, "exec_died", ID_A, 9);
        run(scene);
        tap_ok(strcmp(forever.answer, "9") == 0 && strcmp(overflow.answer, "9") == 0,
               "they get the code");
}

/* An end that is committed before the time is up is told, though it is read after that. */
static void test_an_end_goes_before_the_time(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call call;

        scene->running = ID_A;
        send_call(scene, ID_A, 20000, &call);
        run(scene);
        for (unsigned i = 0; i < 2000; i++)
                append(scene, "exec_died", ID_B, 4); /* more than a turn takes */
        tell(scene, "exec_died", ID_A, 5);
        usleep(30000); /* the time is up before the loop has its turn */
        run(scene);
        tap_eq_str(call.answer, "5", "the code");
}

static void test_who_leaves_is_forgotten(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call stays, calls[100];

        scene->running = ID_A;
        scene->caller = 1;
        send_call(scene, ID_A, 0, &stays);
        scene->caller = 2;
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++)
                send_call(scene, i % 2 == 0 ? ID_A : ID_B, i % 3 == 0 ? 0 : 50000000, calls + i);
        append(scene, "exec", ID_B, -1); /* some wait for a commit */
        run(scene);
        leave(scene, 2);
        leave(scene, 2);
        leave(scene, 3);
        commit(scene);
        tell(scene, "exec_died", ID_A, 5);
        tell(scene, "exec_died", ID_B, 6);
        run(scene);
        tap_eq_str(stays.answer, "5", "who stays is answered");
        tap_ok(!*calls[0].answer && !*calls[1].answer && !*calls[99].answer,
               "who left is not, in whatever state that was");
}

/* ---- limits ---- */

static Call *send_many(Scene *scene, unsigned n)
{
        Call *calls = calloc(n, sizeof(Call));

        must(calls);
        for (unsigned i = 0; i < n; i++) {
                scene->caller = i / 128;
                send_call(scene, ID_A, 0, calls + i);
                if (i % 1000 == 999)
                        run(scene);
        }
        run(scene);
        return calls;
}

static unsigned count(const Call *calls, unsigned n, const char *answer)
{
        unsigned found = 0;

        for (unsigned i = 0; i < n; i++)
                found += strcmp(calls[i].answer, answer) == 0;
        return found;
}

static void test_a_user_has_his_share(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        _cleanup_free_ Call *calls = NULL;
        unsigned n = WAITERS_OF_USER_MAX + 10;
        Call another;

        scene->running = ID_A;
        scene->uid = getuid() + 1;
        calls = send_many(scene, n);
        tap_eq_u64(count(calls, n, "LimitsExceeded"), 10, "what is too much is refused");
        tap_eq_u64(count(calls, n, ""), WAITERS_OF_USER_MAX, "the others wait");
        tap_ok(strstr(calls[n - 1].says, "of yours"), "%s", calls[n - 1].says);
        scene->uid = getuid() + 2;
        scene->caller = 10000;
        send_call(scene, ID_A, 0, &another);
        run(scene);
        tap_eq_str(another.answer, "", "another user has room");
        tell(scene, "exec_died", ID_A, 5);
        run(scene);
        tap_eq_u64(count(calls, n, "5"), WAITERS_OF_USER_MAX, "all who waited are answered");
        tap_eq_str(another.answer, "5", "and the other");
}

static void test_root_has_what_there_is(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        _cleanup_free_ Call *calls = NULL;
        unsigned n = WAITERS_MAX + 10;
        Call another;

        scene->running = ID_A;
        calls = send_many(scene, n);
        tap_eq_u64(count(calls, n, "LimitsExceeded"), 10, "what is too much is refused");
        tap_eq_u64(count(calls, n, ""), WAITERS_MAX, "the others wait");
        for (unsigned caller = 0; caller <= n / 128; caller++)
                leave(scene, caller);
        scene->caller = 1;
        send_call(scene, ID_A, 0, &another);
        run(scene);
        tap_eq_str(another.answer, "", "and then there is room again");
}

/* ---- a history that fails ---- */

static void test_a_history_that_is_not_open(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        EventLog *closed = history_new(1 << 20, 1 << 20);

        scene->host.log = closed;
        tap_eq_str(ask(scene, ID_A).answer, "LogUnavailable", "it is said");
        scene->host.log = scene->log;
        eventlog_free(closed);
}

static void fill_disk(Scene *scene)
{
        disk_is_full = true;
        must(eventlog_commit(scene->log) == -ENOSPC && eventlog_reserve(scene->log) == 0);
        exec_waits_committed(scene->waits);
}

static void test_an_end_that_cannot_be_recorded(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call before, after, other;

        scene->running = ID_A;
        send_call(scene, ID_A, 0, &before);
        run(scene);
        scene->running = NULL;
        append(scene, "exec_died", ID_A, 5);
        append(scene, "exec_died", ID_A2, 6);
        fill_disk(scene);
        send_call(scene, ID_A2, 0, &after);
        send_call(scene, ID_B, 0, &other);
        run(scene);
        tap_eq_str(before.answer, "", "is not told yet");
        tap_eq_str(after.answer, "", "and no other is taken for one that never was");
        tap_eq_str(other.answer, "NoSuchExec", "what is not in what waits has an answer");
        disk_is_full = false;
        commit(scene);
        run(scene);
        tap_eq_str(before.answer, "5", "when they are recorded");
        tap_eq_str(after.answer, "6", "both are");
}

static void test_an_end_that_is_dropped(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_scene_ Scene *scene = scene_new();
        Call ended, runs;
        uint64_t seq = 1;

        tell(scene, "exec", ID_B, -1);
        scene->running = ID_A;
        send_call(scene, ID_A, 0, &ended);
        send_call(scene, ID_B, 0, &runs);
        run(scene);
        scene->running = NULL;
        append(scene, "exec_died", ID_A, 5);
        seq = 2;
        fill_disk(scene);
        while (eventlog_dropped_seq(scene->log) == 0)
                must(eventlog_reserve(scene->log) == 0 && history_append(scene->log, ++seq) == 0);
        run(scene);
        disk_is_full = false;
        commit(scene);
        run(scene);
        tap_eq_str(ended.answer, "ExitCodeUnknown", "it ended, and nobody knows how");
        tap_ok(strstr(ended.says, ID_A), "%s", ended.says);
        tap_eq_str(runs.answer, "", "another is waited for all the same");
        tell(scene, "exec_died", ID_B, 6);
        run(scene);
        tap_eq_str(runs.answer, "6", "and found");
}

int main(void)
{
        test_what_runs_by_the_sources_is_waited_for();
        test_a_prefix_of_one_that_runs_and_one_that_ended();
        test_a_user_s_word_does_not_end_what_is_root_s();
        test_an_end_that_is_not_committed_yet();
        test_ends_between_asking_and_waiting();
        test_one_that_ends_while_it_is_looked_for();
        test_one_that_begins_while_it_is_looked_for();
        test_when_the_time_is_up();
        test_an_end_goes_before_the_time();
        test_who_leaves_is_forgotten();
        test_a_user_has_his_share();
        test_root_has_what_there_is();
        test_a_history_that_is_not_open();
        test_an_end_that_cannot_be_recorded();
        test_an_end_that_is_dropped();
        return tap_done();
}
