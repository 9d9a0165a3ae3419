/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "conmon-child.h"
#include "sources/conmon-process.h"
#include "tap.h"

#define PATIENCE_MSEC 20000
#define S16           "0123456789abcdef"
#define SESSION       S16 S16 S16 S16
#define EXEC_PID      "/storage/" SESSION "/exec_pid"

/* The session's folder is the test's. */
static int open_session(const Child *child, bool *ret_is_proved)
{
        _cleanup_close_ int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        char pid[32];

        snprintf(pid, sizeof(pid), "%d", child->process);
        file_write("exec_pid", pid);
        return conmon_process_open(folder, SESSION, ret_is_proved);
}

static bool wait_for(int process, short events)
{
        struct pollfd poll_fd = { .fd = process, .events = events };

        return poll(&poll_fd, 1, PATIENCE_MSEC) == 1;
}

/* Whether this kernel says how a process ended. */
static bool is_said(void)
{
        Child child = child_start(EXEC_PID, "1");
        bool is_proved;
        _cleanup_close_ int process = open_session(&child, &is_proved);
        int32_t code;

        must(process >= 0);
        child_reap(&child);
        return conmon_process_code(process, &code) == 0;
}

static void test_codes(void)
{
        static const struct {
                const char *how;
                int32_t code;
        } rows[] = {
                { "0", 0 },     { "1", 1 },      { "7", 7 },    { "255", 255 },
                { "-9", 137 },  { "-15", 143 },  { "-6", 134 }, /* with a core, if there may be */
                { "-34", 162 }, { "thread", 9 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Child child = child_start(EXEC_PID, rows[i].how);
                bool is_proved = false;
                _cleanup_close_ int process = open_session(&child, &is_proved);
                int32_t code = -2;

                tap_ok(process >= 0 && is_proved, "\"%s\": it is the session's", rows[i].how);
                tap_eq_int(conmon_process_code(process, &code), -EAGAIN, "it runs");
                child_end(&child);
                tap_ok(wait_for(process, POLLIN), "it ends");
                tap_eq_int(conmon_process_code(process, &code), -EAGAIN, "and conmon is not told");
                tap_eq_int(code, -2, "which leaves the code alone");
                child_reap(&child);
                tap_ok(wait_for(process, 0), "conmon is told");
                tap_eq_int(conmon_process_code(process, &code), 0, "and so are we");
                tap_eq_int(code, rows[i].code, "what conmon writes");
        }
}

static void test_whose_it_is(void)
{
        static const struct {
                const char *word, *why;
        } rows[] = {
                { "/storage/f123456789abcdef" S16 S16 S16 "/exec_pid", "another session's" },
                { "/storage/" SESSION "/exec_pid.x", "another file's" },
                { "x" SESSION "/exec_pid", "another name's" },
                { SESSION, "one that speaks of the session" },
                { "", "nobody's" },
        };
        bool is_proved;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Child child = child_start(rows[i].word, "3");
                _cleanup_close_ int process = -1;

                is_proved = true;
                process = open_session(&child, &is_proved);
                tap_ok(process >= 0 && !is_proved, "%s", rows[i].why);
                child_reap(&child);
        }

        Child ended = child_start(EXEC_PID, "3");

        child_reap(&ended);
        is_proved = true;
        tap_eq_int(open_session(&ended, &is_proved), -ESRCH, "one that has ended");
        tap_ok(is_proved, "which says nothing");

        Child self = { .process = getpid() };
        _cleanup_close_ int process = open_session(&self, &is_proved);

        tap_ok(process >= 0 && !is_proved, "a process that has the number now");
}

/* As the runtime does, which ends when it has written the number. */
static void test_orphan(void)
{
        _cleanup_close_ int process = -1;
        Child child = child_start(EXEC_PID, "5");
        bool is_proved = true;

        must(kill(child.conmon, SIGKILL) == 0 && waitpid(child.conmon, NULL, 0) == child.conmon);
        process = open_session(&child, &is_proved);
        tap_ok(process >= 0 && !is_proved, "of one whose parent is gone nobody knows whose it was");
        child_end(&child);
        close(child.reap);
}

int main(int argc, char *argv[])
{
        child_main(argc, argv);

        Scratch scratch _scratch_ = scratch_enter();

        test_whose_it_is();
        test_orphan();
        if (is_said())
                test_codes();
        else
                tap_skip("the kernel does not say how a process ended");
        return tap_done();
}
