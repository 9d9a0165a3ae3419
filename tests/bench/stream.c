/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-stream service
 * bench-stream cat FILE...
 *
 * Reads everything that the service's Stream gives, or that cat(1) gives of the files, from a pipe,
 * and prints how long that took, as JSON. The lines are counted, in both.
 */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service.h"

/* As much as a pipe can be made to hold without being privileged. */
#define BUFFER_SIZE (1024 * 1024)

/* A pipe that holds the history; -1 if the service has no such method. */
static int open_service(sd_bus *bus)
{
        __attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int fd, r;

        r = sd_bus_call_method(bus, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE, "Stream", &error,
                               &reply, "sttasb", "", UINT64_C(0), UINT64_C(0), 0, false);
        if (r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_METHOD))
                return -1;
        if (r < 0)
                die("Stream: %s", error.message ? error.message : strerror(-r));
        try(sd_bus_message_read(reply, "h", &fd), "Stream");
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        need(fd >= 0, "the pipe");
        return fd;
}

static int open_cat(char *argv[])
{
        int ends[2];
        pid_t pid;

        need(pipe2(ends, O_CLOEXEC) >= 0, "a pipe");
        pid = fork();
        need(pid >= 0, "fork");
        if (pid == 0) {
                dup2(ends[1], STDOUT_FILENO);
                execvp(argv[0], argv);
                _exit(127);
        }
        close(ends[1]);
        return ends[0];
}

static uint64_t count_lines(const char *bytes, size_t length)
{
        uint64_t n = 0;

        for (size_t i = 0; i < length; i++)
                n += bytes[i] == '\n';
        return n;
}

int main(int argc, char *argv[])
{
        _cleanup_bus_ sd_bus *bus = bus_open(); /* the stream may end with it */
        uint64_t start = now_nsec(), bytes = 0, lines = 0;
        static char buffer[BUFFER_SIZE];
        ssize_t n;
        int fd;

        if (argc < 2)
                die("bench-stream service|cat [FILE...]");
        fd = strcmp(argv[1], "service") == 0 ? open_service(bus) : open_cat(argv + 1);
        if (fd < 0) {
                printf("{\"there\":false}\n");
                return EXIT_SUCCESS;
        }
        while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
                bytes += (uint64_t)n;
                lines += count_lines(buffer, (size_t)n);
        }
        need(n == 0, "the pipe");

        printf("{\"there\":true,\"bytes\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"nsec\":%" PRIu64
               "}\n",
               bytes, lines, now_nsec() - start);
        close(fd);
        return EXIT_SUCCESS;
}
