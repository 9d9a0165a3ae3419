/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/syscall.h>

#include "bus/emitter.h"
#include "history.h"
#include "names.h"
#include "peers.h"
#include "tap.h"

typedef struct Scene {
        sd_event *loop;
        Peers peers;
        EventLog *log;
        Outbox *outbox;
        Emitter *emitter;
        uint64_t first, last; /* signals that came in a row; 0: none */
        unsigned n_wrong;
        unsigned n_unrecorded; /* that say that the history does not have the event */
        char heard[64];        /* "5 6+2": two before the last are not signalled */
} Scene;

/* Stands before the C library's: a full disk takes what overwrites, and nothing more. */
static bool disk_is_full;

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
        struct stat st;

        must(fstat(fd, &st) == 0);
        if (disk_is_full && offset + (off_t)length > st.st_size) {
                errno = ENOSPC;
                return -1;
        }
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

static bool is_unrecorded(sd_bus_message *message, uint32_t *ret_unsignalled)
{
        const char *key;
        int value = 0;

        *ret_unsignalled = 0;

        must(sd_bus_message_enter_container(message, 'a', "{sv}") > 0);
        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
                must(sd_bus_message_read(message, "s", &key) > 0);
                if (strcmp(key, "unrecorded") == 0)
                        must(sd_bus_message_read(message, "v", "b", &value) > 0);
                else if (strcmp(key, "unsignalled") == 0)
                        must(sd_bus_message_read(message, "v", "u", ret_unsignalled) > 0 &&
                             *ret_unsignalled > 0);
                else
                        must(sd_bus_message_skip(message, "v") >= 0);
                must(sd_bus_message_exit_container(message) >= 0);
        }
        return value;
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        size_t n = strlen(scene->heard);
        uint32_t n_unsignalled;
        uint64_t seq;

        if (!sd_bus_message_is_signal(message, CE_INTERFACE, CE_SIGNAL_EVENT_EMITTED))
                return 0;
        must(sd_bus_message_skip(message, "sssssst") >= 0 &&
             sd_bus_message_read(message, "t", &seq) > 0);
        scene->n_unrecorded += is_unrecorded(message, &n_unsignalled);
        scene->n_wrong += scene->last > 0 && seq != scene->last + 1;
        n += (size_t)snprintf(scene->heard + n, sizeof(scene->heard) - n,
                              n > 0 ? " %" PRIu64 : "%" PRIu64, seq);
        if (n_unsignalled > 0 && n < sizeof(scene->heard))
                snprintf(scene->heard + n, sizeof(scene->heard) - n, "+%" PRIu32, n_unsignalled);
        if (scene->first == 0)
                scene->first = seq;
        scene->last = seq;
        return 0;
}

/* Three events are there before the emitter starts. */
static Scene *scene_new(void)
{
        Scene *scene = calloc(1, sizeof(Scene));

        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->peers = peers_new();
        must(sd_bus_attach_event(scene->peers.service, scene->loop, 0) >= 0 &&
             sd_bus_attach_event(scene->peers.client, scene->loop, 0) >= 0 &&
             sd_bus_add_filter(scene->peers.client, NULL, on_message, scene) >= 0);
        scene->log = history_open(1 << 20);
        history_fill(scene->log, 1, 3, 3);
        must(outbox_new(scene->loop, &scene->outbox) == 0);
        outbox_set_bus(scene->outbox, scene->peers.service);
        must(emitter_new(scene->outbox, scene->loop, scene->log, &scene->emitter) == 0 &&
             emitter_start(scene->emitter) == 0);
        return scene;
}

static void scene_free(Scene *scene)
{
        emitter_free(scene->emitter);
        outbox_free(scene->outbox);
        eventlog_free(scene->log);
        peers_done(&scene->peers);
        sd_event_unref(scene->loop);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

static void run(Scene *scene)
{
        scene->first = scene->last = scene->n_wrong = scene->n_unrecorded = 0;
        scene->heard[0] = '\0';
        emitter_kick(scene->emitter);
        for (unsigned n_idle = 0; n_idle < 3;)
                n_idle = sd_event_run(scene->loop, 0) > 0 ? 0 : n_idle + 1;
}

static void test_nothing_is_published_without_the_name(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();

        history_fill(scene->log, 4, 5, 2);
        run(scene);
        tap_eq_u64(scene->last, 0, "without the name: nothing");
        emitter_set_named(scene->emitter, true);
        run(scene);
        tap_eq_u64(scene->first, 4, "with it: what came since the start");
        tap_eq_u64(scene->last, 5, "up to the last");
        emitter_set_named(scene->emitter, false);
        history_fill(scene->log, 6, 6, 1);
        run(scene);
        tap_eq_u64(scene->last, 0, "the name is lost: nothing again");
}

static void test_only_what_is_committed_is_published(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();

        emitter_set_named(scene->emitter, true);
        must(history_append(scene->log, 4) == 0);
        run(scene);
        tap_eq_u64(scene->last, 0, "an event that waits is not published");
        must(eventlog_commit(scene->log) == 0);
        run(scene);
        tap_eq_u64(scene->last, 4, "a committed one is");
}

static void test_many_come_in_order(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();

        emitter_set_named(scene->emitter, true);
        history_fill(scene->log, 4, 5000, 500);
        run(scene);
        tap_eq_u64(scene->first, 4, "the first");
        tap_eq_u64(scene->last, 5000, "the last");
        tap_eq_u64(scene->n_wrong, 0, "and all between them, in order");
}

static void test_backlog_is_not_published(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();
        const EventFields fields = { .type = "container", .status = "died", .backlog = true };
        _cleanup_event_ Event *event = event_of(&fields);
        uint64_t seq;

        emitter_set_named(scene->emitter, true);
        must(eventlog_append(scene->log, event, NULL, &seq) == 0 &&
             eventlog_commit(scene->log) == 0);
        run(scene);
        tap_eq_u64(scene->last, 0, "what was there before us is not");
        history_fill(scene->log, 5, 5, 1);
        run(scene);
        tap_eq_u64(scene->last, 5, "what comes behind it is");
}

static void test_a_full_disk_does_not_stop_it(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();

        emitter_set_named(scene->emitter, true);
        history_fill(scene->log, 4, 10, 7);
        must(history_append(scene->log, 11) == 0 && history_append(scene->log, 12) == 0);
        disk_is_full = true;
        must(eventlog_commit(scene->log) == -ENOSPC);
        run(scene);
        tap_eq_u64(scene->last, 10, "without a number that is safe nothing is published");
        must(eventlog_reserve(scene->log) == 0);
        run(scene);
        tap_ok(scene->first == 11 && scene->last == 12, "what waits is");
        tap_eq_u64(scene->n_unrecorded, 2, "and says that it waits");
        for (uint64_t seq = 13; seq <= 3000; seq++)
                must(eventlog_reserve(scene->log) == 0 && history_append(scene->log, seq) == 0);
        run(scene);
        tap_ok(scene->first == 13 && scene->last == 3000 && scene->n_wrong == 0,
               "and so is all that comes, in order");
        must(history_append(scene->log, 3001) == 0);
        disk_is_full = false;
        must(eventlog_commit(scene->log) == 0);
        run(scene);
        tap_ok(scene->first == 3001 && scene->last == 3001, "once recorded, nothing comes twice");
        tap_eq_u64(scene->n_unrecorded, 0, "and what is recorded does not say that it is not");
        history_fill(scene->log, 3002, 3500, 100);
        run(scene);
        tap_ok(scene->first == 3002 && scene->last == 3500 && scene->n_wrong == 0, "it goes on");
}

/* They are lost to signals as to the history, which says it. */
static void test_what_is_dropped_first_is_not_published(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();
        uint64_t last = 4, dropped;

        must(history_append(scene->log, last) == 0);
        disk_is_full = true;
        must(eventlog_commit(scene->log) == -ENOSPC);
        while (eventlog_dropped_seq(scene->log) == 0)
                must(eventlog_reserve(scene->log) == 0 && history_append(scene->log, ++last) == 0);
        dropped = eventlog_dropped_seq(scene->log);
        emitter_set_named(scene->emitter, true);
        run(scene);
        tap_ok(scene->first == dropped + 1 && scene->last == last && scene->n_wrong == 0,
               "it goes on behind them");
        disk_is_full = false;
        must(eventlog_commit(scene->log) == 0);
        run(scene);
        tap_ok(scene->first == last + 1 && scene->last == last + 1, "and says what is lost");
}

static void append_health_check(Scene *scene, uint64_t seq, bool backlog)
{
        const EventFields fields = { .type = "container",
                                     .status = "exec_died",
                                     .reason = "health_check",
                                     .backlog = backlog };
        _cleanup_event_ Event *event = event_of(&fields);
        uint64_t got = 0;

        must(eventlog_append(scene->log, event, NULL, &got) == 0 && got == seq);
}

static void test_ends_of_health_checks_are_counted(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();

        emitter_set_named(scene->emitter, true);
        append_health_check(scene, 4, false);
        history_fill(scene->log, 5, 5, 1);
        for (uint64_t seq = 6; seq <= 8; seq++)
                append_health_check(scene, seq, false);
        must(eventlog_commit(scene->log) == 0);
        run(scene);
        tap_eq_str(scene->heard, "5+1", "they are not published, and counted in what is");
        append_health_check(scene, 9, false);
        history_fill(scene->log, 10, 11, 1);
        run(scene);
        tap_eq_str(scene->heard, "10+4 11", "however many turns it took, and once");

        append_health_check(scene, 12, false);
        append_health_check(scene, 13, true);
        append_health_check(scene, 14, false);
        history_fill(scene->log, 15, 15, 1);
        run(scene);
        tap_eq_str(scene->heard, "15+1", "backlog is for those who ask: it is not passed over");

        append_health_check(scene, 16, false);
        history_fill(scene->log, 17, 17, 1);
        run(scene);
        must(emitter_rewind(scene->emitter, 17) == 0);
        run(scene);
        tap_eq_str(scene->heard, "17", "what was counted on another connection is asked for");

        emitter_set_health_check_execs(scene->emitter, true);
        append_health_check(scene, 18, false);
        history_fill(scene->log, 19, 19, 1);
        run(scene);
        tap_eq_str(scene->heard, "18 19", "if it is configured they are published");
}

static void test_ends_of_health_checks_on_a_full_disk(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_(scene_freep) Scene *scene = scene_new();

        emitter_set_named(scene->emitter, true);
        history_fill(scene->log, 4, 4, 1);
        append_health_check(scene, 5, false);
        must(history_append(scene->log, 6) == 0);
        append_health_check(scene, 7, false);
        disk_is_full = true;
        must(eventlog_commit(scene->log) == -ENOSPC && eventlog_reserve(scene->log) == 0);
        run(scene);
        tap_eq_str(scene->heard, "4 6+1", "they wait for the disk, and are counted");
        must(history_append(scene->log, 8) == 0);
        disk_is_full = false;
        must(eventlog_commit(scene->log) == 0);
        run(scene);
        tap_eq_str(scene->heard, "8+1", "and once they are recorded, not twice");
}

int main(void)
{
        test_nothing_is_published_without_the_name();
        test_only_what_is_committed_is_published();
        test_many_come_in_order();
        test_backlog_is_not_published();
        test_a_full_disk_does_not_stop_it();
        test_what_is_dropped_first_is_not_published();
        test_ends_of_health_checks_are_counted();
        test_ends_of_health_checks_on_a_full_disk();
        return tap_done();
}
