/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

/* Of what it complains about, the beginning says what is wrong. */
#define COMPLAINT_MAX 4096

/* One read of a pipe, whose buffer in the kernel has that size. */
#define PIECE_SIZE 65536

typedef struct Stream {
        sd_event_source *source; /* owned; NULL: it has ended */
        char *text;              /* owned; with a NUL */
        size_t length;
        size_t max;
        bool cut_off; /* what is more than max is dropped, not an error */
} Stream;

struct Child {
        ChildHandler handler;
        void *userdata;
        pid_t pid; /* 0: it was waited for */
        int status;
        Stream output, complaint;
        sd_event_source *exit;  /* owned */
        sd_event_source *timer; /* owned */
};

extern char **environ;

Child *child_free(Child *c)
{
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->exit);
        sd_event_source_disable_unref(c->timer);
        sd_event_source_disable_unref(c->output.source);
        sd_event_source_disable_unref(c->complaint.source);
        if (c->pid > 0) {
                (void)kill(-c->pid, SIGKILL); /* it leads a session, and so a group, of its own */
                (void)waitpid(c->pid, NULL, 0);
        }
        free(c->output.text);
        free(c->complaint.text);
        free(c);
        return NULL;
}

static void end(Child *c, int result)
{
        c->handler(c, result, c->status, c->output.text ? c->output.text : "", c->output.length,
                   c->complaint.text ? c->complaint.text : "", c->userdata);
}

/* Both pipes are at their end, and the process is. */
static void end_if_done(Child *c)
{
        if (c->pid == 0 && !c->output.source && !c->complaint.source)
                end(c, 0);
}

static int append(Stream *s, const char *piece, size_t n)
{
        char *grown;

        if (n > s->max - s->length) {
                if (!s->cut_off)
                        return -EFBIG;
                n = s->max - s->length;
        }
        grown = realloc(s->text, s->length + n + 1);
        if (!grown)
                return -ENOMEM;
        memcpy(grown + s->length, piece, n);
        s->text = grown;
        s->length += n;
        s->text[s->length] = '\0';
        return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Child *c = userdata;
        Stream *s = source == c->output.source ? &c->output : &c->complaint;
        char piece[PIECE_SIZE];
        ssize_t n = read(fd, piece, sizeof(piece));
        int r = 0;

        if (n > 0)
                r = append(s, piece, (size_t)n);
        else if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        else
                s->source = sd_event_source_disable_unref(s->source);

        if (r < 0)
                end(c, r);
        else if (n <= 0)
                end_if_done(c);
        return 0;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
        Child *c = userdata;

        c->status = info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
        c->pid = 0; /* the loop waits for it */
        end_if_done(c);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        end(userdata, -ETIMEDOUT);
        return 0;
}

/* The descriptor is the source's from then on. */
static int listen_to(Child *c, Stream *s, sd_event *loop, int fd)
{
        int r = sd_event_add_io(loop, &s->source, fd, EPOLLIN, on_readable, c);

        if (r < 0) {
                close(fd);
                return r;
        }
        return sd_event_source_set_io_fd_own(s->source, true);
}

static int set_up(const int output[2], const int complaint[2], posix_spawn_file_actions_t *files,
                  posix_spawnattr_t *attributes)
{
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        r = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(files, output[1], STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(files, complaint[1], STDERR_FILENO);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID |
                                                                 POSIX_SPAWN_SETSIGMASK |
                                                                 POSIX_SPAWN_SETSIGDEF);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &all);
        return -r;
}

/* Ours without what systemd gave us alone: a word of its to systemd would be taken for ours. */
static char **environment_of_child(void)
{
        static const char *const ours[] = { "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=" };
        size_t n = 0, kept = 0;
        char **copy;

        while (environ[n])
                n++;
        copy = calloc(n + 1, sizeof(char *));
        if (!copy)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                bool is_ours = false;

                for (size_t j = 0; j < sizeof(ours) / sizeof(ours[0]); j++)
                        is_ours = is_ours || strncmp(environ[i], ours[j], strlen(ours[j])) == 0;
                if (!is_ours)
                        copy[kept++] = environ[i];
        }
        return copy;
}

static int spawn(Child *c, const char *const argv[], const int output[2], const int complaint[2])
{
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        _cleanup_free_ char **environment = environment_of_child();
        int r;

        if (!environment)
                return -ENOMEM;
        r = posix_spawn_file_actions_init(&files);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = -set_up(output, complaint, &files, &attributes);
                if (r == 0)
                        r = posix_spawnp(&c->pid, argv[0], &files, &attributes, (char *const *)argv,
                                         environment);
                if (r != 0)
                        c->pid = 0; /* which it may have been set to something */
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&files);
        return -r;
}

static int start(Child *c, sd_event *loop, const char *const argv[], uint64_t timeout_usec)
{
        int output[2], complaint[2];
        int r;

        if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        if (pipe2(complaint, O_CLOEXEC | O_NONBLOCK) < 0) {
                r = -errno;
                close(output[0]);
                close(output[1]);
                return r;
        }
        /* Its own ends are such as a program expects. */
        (void)fcntl(output[1], F_SETFL, 0);
        (void)fcntl(complaint[1], F_SETFL, 0);

        r = spawn(c, argv, output, complaint);
        close(output[1]);
        close(complaint[1]);
        if (r < 0) {
                close(output[0]);
                close(complaint[0]);
                return r;
        }
        r = listen_to(c, &c->output, loop, output[0]);
        if (r < 0) {
                close(complaint[0]);
                return r;
        }
        r = listen_to(c, &c->complaint, loop, complaint[0]);
        if (r >= 0)
                r = sd_event_add_child(loop, &c->exit, c->pid, WEXITED, on_exit_of_child, c);
        if (r >= 0)
                r = sd_event_add_time_relative(loop, &c->timer, CLOCK_MONOTONIC, timeout_usec, 0,
                                               on_timer, c);
        return r;
}

int child_start(sd_event *loop, const char *const argv[], uint64_t timeout_usec, size_t output_max,
                ChildHandler handler, void *userdata, Child **ret)
{
        _cleanup_(child_freep) Child *c = calloc(1, sizeof(Child));
        int r;

        if (!c)
                return -ENOMEM;
        c->handler = handler;
        c->userdata = userdata;
        c->output.max = output_max;
        c->complaint = (Stream){ .max = COMPLAINT_MAX, .cut_off = true };
        r = start(c, loop, argv, timeout_usec);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}
