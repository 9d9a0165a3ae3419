/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-signals service LOG LINES N
 * bench-signals raw N
 *
 * How long it takes until one subscriber has heard N signals, as JSON. With "service" N lines of
 * the file LINES are appended to the log that the service listens to, at once, and the clock starts
 * before the first of them. With "raw" the first N events of the history are fetched before, and
 * then sent by a peer that does nothing else, as fast as the broker takes them.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prepared.h"
#include "subscriber.h"

/* As many as a careful sender leaves in its queue. */
#define QUEUED_MAX 1024

/* What is written at once. */
#define PIECE_SIZE (1024 * 1024)

/* ---- service ---- */

/* The offset behind the first N lines. */
static size_t size_of_lines(const char *path, uint64_t n)
{
        FILE *file = fopen(path, "re");
        char *line = NULL;
        size_t size = 0, sum = 0;
        ssize_t length = 0;

        need(file, path);
        while (n > 0 && (length = getline(&line, &size, file)) > 0) {
                sum += (size_t)length;
                n--;
        }
        if (n > 0)
                die("%s: there are not so many lines in it", path);
        free(line);
        fclose(file);
        return sum;
}

static void append_lines(const char *log, const char *lines, size_t size)
{
        static char piece[PIECE_SIZE];
        int from = open(lines, O_RDONLY | O_CLOEXEC);
        int to = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);

        need(from >= 0, lines);
        need(to >= 0, log);
        while (size > 0) {
                ssize_t n = read(from, piece, size < PIECE_SIZE ? size : PIECE_SIZE);

                need(n > 0, lines);
                need(write(to, piece, (size_t)n) == n, log);
                size -= (size_t)n;
        }
        close(from);
        close(to);
}

/* ---- raw ---- */

static void drain(sd_bus *bus, uint64_t most)
{
        uint64_t n;

        for (;;) {
                try(sd_bus_get_n_queued_write(bus, &n), "the bus");
                if (n <= most)
                        return;
                if (try(sd_bus_process(bus, NULL), "the bus") == 0)
                        try(sd_bus_wait(bus, UINT64_MAX), "the bus");
        }
}

static void send_all(const Prepared *prepared, sd_bus *bus)
{
        for (size_t i = 0; i < prepared->n; i++) {
                _cleanup_message_ sd_bus_message *signal = NULL;

                try(sd_bus_message_new_signal(bus, &signal, CE_OBJECT_PATH, PEER_INTERFACE,
                                              CE_SIGNAL_EVENT_EMITTED),
                    "a signal");
                prepared_append(signal, prepared->events + i);
                try(sd_bus_send(bus, signal, NULL), "a signal");
                drain(bus, QUEUED_MAX);
        }
        try(sd_bus_flush(bus), "the bus");
}

static void fetch(Prepared *prepared, size_t n)
{
        _cleanup_bus_ sd_bus *bus = bus_open();

        prepared_fetch(prepared, bus, 0, 0, n);
        if (prepared->n != n)
                die("the history has only %zu events", prepared->n);
}

/* ---- both ---- */

/* Runs in a process of its own, when a byte comes from the pipe. */
static void act(int start, bool to_service, char *argv[], const Prepared *prepared, size_t size)
{
        sd_bus *bus = NULL;
        char byte;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!to_service) {
                bus = bus_open();
                try(sd_bus_request_name(bus, PEER_NAME, 0), PEER_NAME);
        }
        if (read(start, &byte, 1) != 1)
                _exit(EXIT_FAILURE);
        if (to_service)
                append_lines(argv[2], argv[3], size);
        else
                send_all(prepared, bus);
        _exit(EXIT_SUCCESS);
}

int main(int argc, char *argv[])
{
        bool to_service = argc == 5 && strcmp(argv[1], "service") == 0;
        Subscriber subscriber;
        Prepared prepared = {};
        uint64_t n, start;
        size_t size = 0;
        int ends[2], status = 0;
        pid_t pid;

        if (!to_service && (argc != 3 || strcmp(argv[1], "raw") != 0))
                die("bench-signals service LOG LINES N, or raw N");
        n = number_of(argv[argc - 1]);
        if (to_service)
                size = size_of_lines(argv[3], n);
        else
                fetch(&prepared, n);

        need(pipe2(ends, O_CLOEXEC) >= 0, "a pipe");
        pid = fork();
        need(pid >= 0, "fork");
        if (pid == 0)
                act(ends[0], to_service, argv, &prepared, size);
        subscriber_listen(&subscriber, to_service);

        start = now_nsec();
        need(write(ends[1], "", 1) == 1, "the pipe");
        subscriber_wait(&subscriber, n);
        printf("{\"signals\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"nsec\":%" PRIu64 "}\n",
               subscriber.n, subscriber.n_gaps, subscriber.heard_nsec - start);

        waitpid(pid, &status, 0);
        prepared_done(&prepared);
        sd_bus_flush_close_unref(subscriber.bus);
        return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
