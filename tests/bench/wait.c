/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-wait crowd N ROUNDS
 * bench-wait all N
 * bench-wait pings N
 * bench-wait hold N DESTINATION
 * bench-wait peer
 *
 * Waits for the ends of exec sessions, which it lets begin and end through Emit, as JSON:
 *
 *   crowd   how long it takes from before an end is sent to the handler of the one who waits for
 *           it, while N others wait, each for an exec session of its own that goes on
 *   all     how long it takes from before an end is sent until all N who wait for it have the code
 *   pings   how long it takes until N empty calls, which were sent at once, are answered
 *   hold    lets N calls wait, prints "ready" when they do, and ends with its input
 *   peer    keeps calls of WaitExecExit and never answers one; prints "ready"
 *
 * Calls are spread over as many connections as dbus-daemon's limit needs.
 */
#include <unistd.h>

#include <systemd/sd-event.h>

#include "random.h"
#include "samples.h"
#include "service.h"

/* dbus-daemon lets 128 calls of a connection be unanswered. */
#define CALLS_OF_CONNECTION 100

/* The first rounds are not counted. */
#define WARM_ROUNDS 20

#define CONTAINER "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

typedef struct Scene {
        sd_event *loop;
        sd_bus *emitter;
        sd_bus **buses;
        unsigned n_buses;
        uint64_t n_answers; /* to those who wait */
        uint64_t n_done;    /* other calls */
        uint64_t answered_nsec;
        int want; /* the code that they must get */
} Scene;

/* As random as the engines' IDs are, so that an index tells them apart. */
static void exec_id(char id[65], uint64_t number)
{
        random_id(&number, id);
}

static sd_bus *connect_to(Scene *scene)
{
        sd_bus *bus = bus_open();

        try(sd_bus_attach_event(bus, scene->loop, 0), "the loop");
        return bus;
}

static void run_until(Scene *scene, const uint64_t *counter, uint64_t count)
{
        while (*counter < count)
                try(sd_event_run(scene->loop, CALL_USEC), "the loop");
}

/* ---- calls ---- */

static int on_done(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;

        scene->n_done++;
        return 0;
}

/* Any answer will do: the service knows the caller then. */
static void introduce(Scene *scene, sd_bus *bus, const char *destination)
{
        char id[65];

        exec_id(id, UINT64_MAX);
        try(sd_bus_call_method_async(bus, NULL, destination, CE_OBJECT_PATH, CE_INTERFACE,
                                     "ExecExitCode", on_done, scene, "s", id),
            "ExecExitCode");
        run_until(scene, &scene->n_done, scene->n_done + 1);
}

static Scene scene_new(uint64_t n, const char *destination)
{
        Scene scene = {};

        try(sd_event_new(&scene.loop), "the loop");
        scene.emitter = connect_to(&scene);
        scene.n_buses = (unsigned)((n + CALLS_OF_CONNECTION - 1) / CALLS_OF_CONNECTION);
        scene.buses = calloc(scene.n_buses + 1, sizeof(sd_bus *));
        need(scene.buses, "memory");
        introduce(&scene, scene.emitter, destination);
        for (unsigned i = 0; i < scene.n_buses; i++) {
                scene.buses[i] = connect_to(&scene);
                introduce(&scene, scene.buses[i], destination);
        }
        return scene;
}

static void scene_done(Scene *scene)
{
        for (unsigned i = 0; i < scene->n_buses; i++)
                sd_bus_close_unref(scene->buses[i]);
        sd_bus_close_unref(scene->emitter);
        sd_event_unref(scene->loop);
        free(scene->buses);
}

static int on_emitted(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_error(reply, NULL))
                die("Emit: %s", sd_bus_message_get_error(reply)->message);
        return on_done(reply, userdata, error);
}

/* "code" is -1 for a beginning. */
static void emit(Scene *scene, uint64_t number, int code)
{
        char id[65];

        exec_id(id, number);
        if (code < 0)
                try(sd_bus_call_method_async(scene->emitter, NULL, CE_BUS_NAME, CE_OBJECT_PATH,
                                             CE_INTERFACE, "Emit", on_emitted, scene,
                                             "ssssssta{sv}", "container", "exec", CONTAINER, "c",
                                             "", "bench", UINT64_C(0), 1, "exec_id", "s", id),
                    "Emit");
        else
                try(sd_bus_call_method_async(scene->emitter, NULL, CE_BUS_NAME, CE_OBJECT_PATH,
                                             CE_INTERFACE, "Emit", on_emitted, scene,
                                             "ssssssta{sv}", "container", "exec_died", CONTAINER,
                                             "c", "", "bench", UINT64_C(0), 2, "exec_id", "s", id,
                                             "exit_code", "i", code),
                    "Emit");
}

static void begin_all(Scene *scene, uint64_t first, uint64_t n)
{
        uint64_t done = scene->n_done;

        for (uint64_t i = 0; i < n; i++) {
                emit(scene, first + i, -1);
                if ((i + 1) % CALLS_OF_CONNECTION == 0)
                        run_until(scene, &scene->n_done, done + i + 1);
        }
        run_until(scene, &scene->n_done, done + n);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Scene *scene = userdata;
        int code;

        scene->answered_nsec = now_nsec();
        if (sd_bus_message_is_method_error(reply, NULL))
                die("WaitExecExit: %s", sd_bus_message_get_error(reply)->message);
        try(sd_bus_message_read(reply, "i", &code), "WaitExecExit");
        if (code != scene->want)
                die("WaitExecExit: %d for %d", code, scene->want);
        scene->n_answers++;
        return 0;
}

static void wait_for(Scene *scene, sd_bus *bus, const char *destination, uint64_t number)
{
        char id[65];

        exec_id(id, number);
        try(sd_bus_call_method_async(bus, NULL, destination, CE_OBJECT_PATH, CE_INTERFACE,
                                     "WaitExecExit", on_answer, scene, "st", id, UINT64_C(0)),
            "WaitExecExit");
}

/* Returns when all calls before were taken: two questions later, so were those that they ask. */
static void settle(Scene *scene, const char *destination)
{
        for (unsigned i = 0; i < scene->n_buses; i++)
                introduce(scene, scene->buses[i], destination);
        introduce(scene, scene->emitter, destination);
}

/* N calls wait; each for one of its own, from "number" on, or all for that one. */
static void gather(Scene *scene, const char *destination, uint64_t n, uint64_t number, bool same)
{
        for (uint64_t i = 0; i < n; i++) {
                wait_for(scene, scene->buses[i / CALLS_OF_CONNECTION], destination,
                         same ? number : number + i);
                if ((i + 1) % CALLS_OF_CONNECTION == 0)
                        introduce(scene, scene->buses[i / CALLS_OF_CONNECTION], destination);
        }
        settle(scene, destination);
}

/* ---- what is measured ---- */

/* Numbers of exec sessions that were not used before. */
static uint64_t fresh_number(void)
{
        return now_nsec();
}

static int measure_crowd(uint64_t n, uint64_t rounds)
{
        Scene scene = scene_new(n, CE_BUS_NAME);
        uint64_t number = fresh_number(), one = number + n;
        Samples samples = {};
        sd_bus *bus = connect_to(&scene);

        introduce(&scene, bus, CE_BUS_NAME);
        begin_all(&scene, number, n + rounds + WARM_ROUNDS);
        gather(&scene, CE_BUS_NAME, n, number, false);
        for (uint64_t i = 0; i < rounds + WARM_ROUNDS; i++) {
                uint64_t start;

                wait_for(&scene, bus, CE_BUS_NAME, one + i);
                introduce(&scene, bus, CE_BUS_NAME);
                introduce(&scene, bus, CE_BUS_NAME);
                scene.want = (int)(i % 256);
                start = now_nsec();
                emit(&scene, one + i, scene.want);
                run_until(&scene, &scene.n_answers, i + 1);
                if (i >= WARM_ROUNDS)
                        samples_add(&samples, scene.answered_nsec - start);
                introduce(&scene, scene.emitter, CE_BUS_NAME);
        }
        printf("{");
        samples_print(&samples);
        printf("}\n");
        sd_bus_close_unref(bus);
        scene_done(&scene);
        return EXIT_SUCCESS;
}

static int measure_all(uint64_t n)
{
        Scene scene = scene_new(n, CE_BUS_NAME);
        uint64_t number = fresh_number(), start;

        begin_all(&scene, number, 1);
        gather(&scene, CE_BUS_NAME, n, number, true);
        scene.want = 7;
        start = now_nsec();
        emit(&scene, number, scene.want);
        run_until(&scene, &scene.n_answers, n);
        printf("{\"nsec\":%" PRIu64 "}\n", scene.answered_nsec - start);
        scene_done(&scene);
        return EXIT_SUCCESS;
}

static int measure_pings(uint64_t n)
{
        Scene scene = scene_new(n, CE_BUS_NAME);
        uint64_t start = now_nsec(), done = scene.n_done;

        for (uint64_t i = 0; i < n; i++)
                try(sd_bus_call_method_async(
                            scene.buses[i / CALLS_OF_CONNECTION], NULL, CE_BUS_NAME, CE_OBJECT_PATH,
                            "org.freedesktop.DBus.Peer", "Ping", on_done, &scene, NULL),
                    "Ping");
        run_until(&scene, &scene.n_done, done + n);
        printf("{\"nsec\":%" PRIu64 "}\n", now_nsec() - start);
        scene_done(&scene);
        return EXIT_SUCCESS;
}

static int hold(uint64_t n, const char *destination)
{
        Scene scene = scene_new(n, destination);
        uint64_t number = fresh_number();
        char byte;

        if (strcmp(destination, CE_BUS_NAME) == 0)
                begin_all(&scene, number, n);
        gather(&scene, destination, n, number, false);
        printf("ready\n");
        fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
                ;
        scene_done(&scene);
        return EXIT_SUCCESS;
}

/* ---- the peer ---- */

static int on_wait(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        sd_bus_message_ref(call); /* for ever */
        return 1;
}

static int on_exit_code(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return sd_bus_reply_method_return(call, "i", 0);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("WaitExecExit", "st", "i", on_wait, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ExecExitCode", "s", "i", on_exit_code, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

__attribute__((noreturn)) static void serve(void)
{
        sd_bus *bus = bus_open();

        try(sd_bus_add_object_vtable(bus, NULL, CE_OBJECT_PATH, CE_INTERFACE, vtable, NULL),
            "the object");
        try(sd_bus_request_name(bus, PEER_NAME, 0), PEER_NAME);
        printf("ready\n");
        fflush(stdout);
        for (;;)
                if (try(sd_bus_process(bus, NULL), "the bus") == 0)
                        try(sd_bus_wait(bus, UINT64_MAX), "the bus");
}

int main(int argc, char *argv[])
{
        const char *what = argc > 1 ? argv[1] : "";

        if (strcmp(what, "peer") == 0 && argc == 2)
                serve();
        if (strcmp(what, "crowd") == 0 && argc == 4)
                return measure_crowd(number_of(argv[2]), number_of(argv[3]));
        if (strcmp(what, "all") == 0 && argc == 3)
                return measure_all(number_of(argv[2]));
        if (strcmp(what, "pings") == 0 && argc == 3)
                return measure_pings(number_of(argv[2]));
        if (strcmp(what, "hold") == 0 && argc == 4)
                return hold(number_of(argv[2]), argv[3]);
        die("\"%s\" is nothing that can be measured so", what);
}
