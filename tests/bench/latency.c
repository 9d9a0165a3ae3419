/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-latency service ROUNDS LOG LINES
 * bench-latency raw ROUNDS
 * bench-latency sync ROUNDS FILE BYTES
 *
 * How long something takes once, as JSON:
 *
 *   service   from before a line is written to the log, as Podman writes it (open, write, close),
 *             to the subscriber's handler of its signal
 *   raw       from before a peer makes a signal to the subscriber's handler; the events are the
 *             first ones of the history
 *   sync      fdatasync(2) after so many bytes were appended to a file
 *
 * The next round starts when the one before is through.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "prepared.h"
#include "samples.h"
#include "subscriber.h"

/* The first rounds are not counted: all is made warm by them. */
#define WARM_ROUNDS 20

/* Events of the history that are sent in turn. */
#define RAW_EVENTS 500

static void measure_service(Samples *samples, uint64_t rounds, const char *log, const char *lines)
{
        FILE *file = fopen(lines, "re");
        Subscriber subscriber;
        char *line = NULL;
        size_t size = 0;

        need(file, lines);
        subscriber_listen(&subscriber, true);
        for (uint64_t i = 0; i < rounds + WARM_ROUNDS; i++) {
                ssize_t length = getline(&line, &size, file);
                uint64_t start;
                int fd;

                need(length > 0, lines);
                start = now_nsec();
                fd = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
                need(fd >= 0 && write(fd, line, (size_t)length) == length && close(fd) == 0, log);
                subscriber_wait(&subscriber, i + 1);
                if (i >= WARM_ROUNDS)
                        samples_add(samples, subscriber.heard_nsec - start);
        }
        if (subscriber.n_gaps > 0)
                die("there are gaps in what was heard");
        sd_bus_flush_close_unref(subscriber.bus);
        free(line);
        fclose(file);
}

/* The peer: a signal for each byte that comes; its time is when that was. */
static void send_each(int go, const Prepared *prepared)
{
        sd_bus *bus;
        char byte;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bus = bus_open();
        try(sd_bus_request_name(bus, PEER_NAME, 0), PEER_NAME);
        for (size_t i = 0; read(go, &byte, 1) == 1; i++) {
                _cleanup_message_ sd_bus_message *signal = NULL;
                PreparedEvent event = prepared->events[i % prepared->n];

                event.time_nsec = now_nsec();
                event.seq = i + 1;
                try(sd_bus_message_new_signal(bus, &signal, CE_OBJECT_PATH, PEER_INTERFACE,
                                              CE_SIGNAL_EVENT_EMITTED),
                    "a signal");
                prepared_append(signal, &event);
                try(sd_bus_send(bus, signal, NULL), "a signal");
                try(sd_bus_flush(bus), "a signal");
        }
        _exit(EXIT_SUCCESS);
}

static void measure_raw(Samples *samples, uint64_t rounds)
{
        _cleanup_bus_ sd_bus *bus = bus_open();
        Prepared prepared = {};
        Subscriber subscriber;
        int ends[2];
        pid_t pid;

        prepared_fetch(&prepared, bus, 0, 0, RAW_EVENTS);
        if (prepared.n == 0)
                die("there is no event in the history");
        need(pipe2(ends, O_CLOEXEC) >= 0, "a pipe");
        pid = fork();
        need(pid >= 0, "fork");
        if (pid == 0) {
                close(ends[1]);
                send_each(ends[0], &prepared);
        }

        subscriber_listen(&subscriber, false);
        for (uint64_t i = 0; i < rounds + WARM_ROUNDS; i++) {
                need(write(ends[1], "", 1) == 1, "the pipe");
                subscriber_wait(&subscriber, i + 1);
                if (i >= WARM_ROUNDS)
                        samples_add(samples, subscriber.heard_nsec - subscriber.time_nsec);
        }
        close(ends[1]);
        sd_bus_flush_close_unref(subscriber.bus);
        prepared_done(&prepared);
}

static void measure_sync(Samples *samples, uint64_t rounds, const char *path, size_t size)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        char *bytes = calloc(1, size);

        need(fd >= 0 && bytes, path);
        for (uint64_t i = 0; i < rounds + WARM_ROUNDS; i++) {
                uint64_t start;

                need(write(fd, bytes, size) == (ssize_t)size, path);
                start = now_nsec();
                need(fdatasync(fd) == 0, path);
                if (i >= WARM_ROUNDS)
                        samples_add(samples, now_nsec() - start);
        }
        close(fd);
        free(bytes);
}

int main(int argc, char *argv[])
{
        Samples samples = {};
        uint64_t rounds;

        if (argc < 3)
                die("bench-latency service|raw|sync ROUNDS ...");
        rounds = number_of(argv[2]);
        if (strcmp(argv[1], "service") == 0 && argc == 5)
                measure_service(&samples, rounds, argv[3], argv[4]);
        else if (strcmp(argv[1], "raw") == 0 && argc == 3)
                measure_raw(&samples, rounds);
        else if (strcmp(argv[1], "sync") == 0 && argc == 5)
                measure_sync(&samples, rounds, argv[3], number_of(argv[4]));
        else
                die("\"%s\" is nothing that can be measured so", argv[1]);

        printf("{");
        samples_print(&samples);
        printf("}\n");
        return EXIT_SUCCESS;
}
