/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define BUFFER_SIZE (64 * 1024)

struct Output {
        FILE *file;
        int fd;
        int error; /* negative errno, or 0 */
};

/* When a pipe is writable it takes PIPE_BUF bytes without blocking. While it is full, SIGINT and
 * SIGTERM do what they do in any program: end it. */
static void wait_writable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        sigset_t none;

        if (poll(&p, 1, 0) != 0)
                return;
        sigemptyset(&none);
        (void)ppoll(&p, 1, NULL, &none);
}

static ssize_t on_write(void *cookie, const char *data, size_t size)
{
        Output *o = cookie;
        size_t done = 0;

        while (done < size && o->error == 0) {
                size_t n = size - done < PIPE_BUF ? size - done : PIPE_BUF;
                ssize_t written;

                wait_writable(o->fd);
                written = write(o->fd, data + done, n);
                if (written >= 0)
                        done += (size_t)written;
                else if (errno != EINTR && errno != EAGAIN)
                        o->error = -errno;
        }
        return (ssize_t)done;
}

Output *output_free(Output *o)
{
        if (!o)
                return NULL;
        if (o->file)
                (void)fclose(o->file);
        free(o);
        return NULL;
}

int output_new(int fd, Output **ret)
{
        _cleanup_(output_freep) Output *o = calloc(1, sizeof(Output));

        if (!o)
                return -ENOMEM;
        o->fd = fd;
        o->file = fopencookie(o, "w", (cookie_io_functions_t){ .write = on_write });
        if (!o->file)
                return -ENOMEM;
        (void)setvbuf(o->file, NULL, _IOFBF, BUFFER_SIZE);

        *ret = TAKE_PTR(o);
        return 0;
}

FILE *output_file(Output *o)
{
        return o->file;
}

int output_flush(Output *o)
{
        if (fflush(o->file) != 0 && o->error == 0)
                o->error = -errno;
        return o->error;
}

int output_error(const Output *o)
{
        return o->error;
}

bool output_is_terminal(const Output *o)
{
        return isatty(o->fd) > 0;
}

bool output_wants_color(int fd)
{
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(fd) > 0 && (!no_color || !*no_color) && term && strcmp(term, "dumb") != 0;
}
