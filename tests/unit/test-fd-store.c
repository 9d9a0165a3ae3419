/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd-store.h"
#include "scratch.h"
#include "tap.h"

#define FIRST 3

/* A file under a number, as a service manager hands it over. */
static void hand_over(int fd, const char *content)
{
        int made = file_of(content, strlen(content));

        must(dup2(made, fd) == fd);
        if (made != fd)
                close(made);
}

static void announce(int n, const char *names)
{
        char text[32];

        snprintf(text, sizeof(text), "%d", getpid());
        must(setenv("LISTEN_PID", text, 1) == 0);
        snprintf(text, sizeof(text), "%d", n);
        must(setenv("LISTEN_FDS", text, 1) == 0);
        must((names ? setenv("LISTEN_FDNAMES", names, 1) : unsetenv("LISTEN_FDNAMES")) == 0);
}

static bool is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0;
}

static void test_nothing_was_kept(void)
{
        must(unsetenv("LISTEN_PID") == 0 && unsetenv("LISTEN_FDS") == 0);
        tap_eq_int(fd_store_take("conmon"), -ENOENT, "without a manager");
        announce(1, "conmon");
        must(setenv("LISTEN_PID", "1", 1) == 0);
        tap_eq_int(fd_store_take("conmon"), -ENOENT, "what is for another process");
        announce(0, "");
        tap_ok(fd_store_take("conmon") < 0, "none");
}

static void test_what_was_kept(void)
{
        char content[8] = "";

        hand_over(FIRST, "other");
        hand_over(FIRST + 1, "ours");
        hand_over(FIRST + 2, "again");
        announce(3, "stored:conmon:conmon");
        tap_eq_int(fd_store_take("conmon"), FIRST + 1, "it is found by its name");
        tap_ok(pread(FIRST + 1, content, sizeof(content) - 1, 0) == 4, "and open");
        tap_eq_str(content, "ours", "as it was");
        tap_ok(fcntl(FIRST + 1, F_GETFD) & FD_CLOEXEC, "for us alone");
        tap_ok(!is_open(FIRST) && !is_open(FIRST + 2), "others are closed");
        tap_eq_int(fd_store_take("conmon"), -ENOENT, "it is taken once");
        close(FIRST + 1);

        hand_over(FIRST, "x");
        announce(1, NULL);
        tap_eq_int(fd_store_take("conmon"), -ENOENT, "one without a name");
        tap_ok(!is_open(FIRST), "is closed");
}

/* Takes what a service manager would get: the text, and the descriptor. */
static int receive(int fd, char *text, size_t size)
{
        char control[CMSG_SPACE(sizeof(int))] = "";
        struct iovec bytes = { .iov_base = text, .iov_len = size - 1 };
        struct msghdr message = { .msg_iov = &bytes,
                                  .msg_iovlen = 1,
                                  .msg_control = control,
                                  .msg_controllen = sizeof(control) };
        const struct cmsghdr *header;
        ssize_t n;
        int got;

        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        must(n >= 0);
        text[n] = '\0';
        header = CMSG_FIRSTHDR(&message);
        if (!header || header->cmsg_type != SCM_RIGHTS)
                return -1;
        memcpy(&got, CMSG_DATA(header), sizeof(got));
        return got;
}

static void test_keeping(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int manager = -1, ours = file_of("ours", 4), theirs = -1;
        char text[256], content[8] = "", path[PATH_MAX + 16];

        must(unsetenv("NOTIFY_SOCKET") == 0);
        tap_eq_int(fd_store_keep("conmon", ours), 0, "nobody keeps it");

        manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        snprintf(path, sizeof(path), "%s/notify", scratch.path);
        must(manager >= 0 && strlen(path) < sizeof(address.sun_path));
        memcpy(address.sun_path, path, strlen(path) + 1);
        must(bind(manager, (const struct sockaddr *)&address, sizeof(address)) == 0);
        must(setenv("NOTIFY_SOCKET", path, 1) == 0);
        tap_ok(fd_store_keep("conmon", ours) > 0, "somebody does");
        theirs = receive(manager, text, sizeof(text));
        tap_eq_str(text, "FDSTORE=1\nFDNAME=conmon\nFDPOLL=0", "what is asked of him");
        tap_ok(theirs >= 0 && pread(theirs, content, sizeof(content) - 1, 0) == 4 &&
                       strcmp(content, "ours") == 0,
               "he has it");
        tap_ok(is_open(ours), "and we still have it");
        must(unsetenv("NOTIFY_SOCKET") == 0);
}

int main(void)
{
        test_nothing_was_kept();
        test_what_was_kept();
        test_keeping();
        return tap_done();
}
