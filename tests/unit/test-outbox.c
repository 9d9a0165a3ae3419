/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/outbox.h"
#include "peers.h"
#include "tap.h"

/* A service whose peer reads when it is told to. */
typedef struct Scene {
        sd_event *loop;
        Peers peers;
        Outbox *outbox;
        Turn turn;
        unsigned n_turns;
        uint64_t seq;
} Scene;

static void on_turn(void *userdata)
{
        Scene *scene = userdata;

        scene->n_turns++;
}

static Scene *scene_new(void)
{
        Scene *scene = calloc(1, sizeof(Scene));

        must(scene && sd_event_new(&scene->loop) >= 0);
        scene->peers = peers_new();
        peers_run(&scene->peers);
        must(sd_bus_attach_event(scene->peers.service, scene->loop, 0) >= 0);
        must(outbox_new(scene->loop, &scene->outbox) == 0);
        outbox_set_bus(scene->outbox, scene->peers.service);
        must(turn_init(&scene->turn, scene->loop, on_turn, scene) >= 0);
        return scene;
}

static void scene_free(Scene *scene)
{
        turn_done(&scene->turn);
        outbox_free(scene->outbox);
        peers_done(&scene->peers);
        sd_event_unref(scene->loop);
        free(scene);
}

DEFINE_CLEANUP(Scene *, scene_free)

/* The next signal, with so many bytes in it. */
static void send_signal(Scene *scene, size_t size)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        _cleanup_free_ char *text = calloc(1, size + 1);

        must(text);
        memset(text, 'x', size);
        must(sd_bus_message_new_signal(scene->peers.service, &signal, "/", "a.b", "C") >= 0 &&
             sd_bus_message_append(signal, "s", text) >= 0);
        must(outbox_send(scene->outbox, signal, size, ++scene->seq) >= 0);
}

static void run(Scene *scene)
{
        while (sd_event_run(scene->loop, 0) > 0)
                ;
}

static void test_what_was_not_written_is_known(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();
        uint64_t n_queued = 0, first;

        tap_eq_u64(outbox_first_unsent(scene->outbox), 0, "nothing was sent");
        send_signal(scene, 10);
        tap_eq_u64(outbox_first_unsent(scene->outbox), 0, "one was written at once");
        while (n_queued < 5) {
                send_signal(scene, 1000);
                must(sd_bus_get_n_queued_write(scene->peers.service, &n_queued) >= 0);
        }
        first = scene->seq - 4;
        tap_eq_u64(outbox_first_unsent(scene->outbox), first, "the first of five that wait");
        /* Messages of others are among them. */
        must(sd_bus_emit_signal(scene->peers.service, "/", "a.b", "D", "s", "other") >= 0);
        send_signal(scene, 1000);
        tap_eq_u64(outbox_first_unsent(scene->outbox), first, "others do not count");
        outbox_set_bus(scene->outbox, NULL);
        tap_eq_u64(outbox_first_unsent(scene->outbox), 0, "with the bus it is forgotten");
}

static void test_there_is_room_again(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();

        for (unsigned n = 0; n < OUTBOX_MESSAGES_MAX + 50000 && !outbox_is_full(scene->outbox); n++)
                send_signal(scene, 1000);
        tap_ok(outbox_is_full(scene->outbox), "it is full of messages");
        outbox_wait(scene->outbox, &scene->turn);
        run(scene);
        tap_eq_u64(scene->n_turns, 0, "who waits does so");
        while (sd_bus_process(scene->peers.client, NULL) > 0)
                ;
        run(scene);
        tap_ok(!outbox_is_full(scene->outbox), "the peer reads");
        tap_eq_u64(scene->n_turns, 1, "and who waited has his turn");
}

static void test_bytes_count(void)
{
        _cleanup_(scene_freep) Scene *scene = scene_new();
        unsigned n = 0;

        for (; n < OUTBOX_MESSAGES_MAX && !outbox_is_full(scene->outbox); n++)
                send_signal(scene, 1024 * 1024);
        tap_ok(n >= OUTBOX_SIZE_MAX / (1024 * 1024), "so much may wait");
        tap_ok(n <= OUTBOX_SIZE_MAX / (1024 * 1024) + 16, "and not much more");
        outbox_wait(scene->outbox, &scene->turn);
        outbox_forget(scene->outbox, &scene->turn);
        while (sd_bus_process(scene->peers.client, NULL) > 0 ||
               sd_bus_process(scene->peers.service, NULL) > 0)
                ;
        run(scene);
        tap_ok(!outbox_is_full(scene->outbox), "there is room");
        tap_eq_u64(scene->n_turns, 0, "who was forgotten has no turn");
}

int main(void)
{
        test_what_was_not_written_is_known();
        test_there_is_room_again();
        test_bytes_count();
        return tap_done();
}
