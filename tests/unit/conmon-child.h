/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A process that is run as conmon runs that of an exec session: by a parent whose command line
 * names the session's exec_pid. It ends when it is told to, and its parent hears of that when the
 * parent is told to. The test program runs itself for it, so main() begins with child_main().
 */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "scratch.h"

typedef struct Child {
        pid_t conmon, process;
        int end, reap; /* owned: pipes, one that is closed says it */
} Child;

enum { CHILD_END = 10, CHILD_REAP, CHILD_PID };

static void *child_thread(void *thread)
{
        must(pthread_join(*(pthread_t *)thread, NULL) == 0);
        _exit(9);
}

/* "7" exits with it, "-15" ends by that signal, "thread" exits with 9, its first thread before. */
static void child_act(const char *how)
{
        static pthread_t first, second;
        char byte;

        must(read(CHILD_END, &byte, 1) == 0);
        if (how[0] == '-')
                must(raise(atoi(how + 1)) == 0);
        if (strcmp(how, "thread") == 0) {
                first = pthread_self();
                must(pthread_create(&second, NULL, child_thread, &first) == 0);
                pthread_exit(NULL);
        }
        _exit(atoi(how));
}

static void child_main(int argc, char *argv[])
{
        pid_t pid;
        char byte;

        if (argc != 3 || strcmp(argv[0], "conmon") != 0)
                return;
        pid = fork();
        must(pid >= 0);
        if (pid == 0)
                child_act(argv[2]);
        must(write(CHILD_PID, &pid, sizeof(pid)) == sizeof(pid) &&
             read(CHILD_REAP, &byte, 1) == 0 && waitpid(pid, NULL, 0) == pid);
        _exit(0);
}

static inline Child child_start(const char *exec_pid, const char *how)
{
        int end[2], reap[2], pid[2];
        Child child;

        must(pipe2(end, O_CLOEXEC) == 0 && pipe2(reap, O_CLOEXEC) == 0 &&
             pipe2(pid, O_CLOEXEC) == 0);
        child.conmon = fork();
        must(child.conmon >= 0);
        if (child.conmon == 0) {
                must(dup2(end[0], CHILD_END) >= 0 && dup2(reap[0], CHILD_REAP) >= 0 &&
                     dup2(pid[1], CHILD_PID) >= 0);
                execl("/proc/self/exe", "conmon", exec_pid, how, NULL);
                abort();
        }
        close(end[0]);
        close(reap[0]);
        close(pid[1]);
        must(read(pid[0], &child.process, sizeof(pid_t)) == sizeof(pid_t));
        close(pid[0]);
        child.end = end[1];
        child.reap = reap[1];
        return child;
}

static inline void child_end(Child *child)
{
        close(child->end);
        child->end = -1;
}

static inline void child_reap(Child *child)
{
        if (child->end >= 0)
                child_end(child);
        close(child->reap);
        must(waitpid(child->conmon, NULL, 0) == child->conmon);
}
