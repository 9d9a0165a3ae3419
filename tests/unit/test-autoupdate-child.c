/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "tap.h"

#define SEC UINT64_C(1000000)

typedef struct Ending {
        sd_event *loop; /* weak */
        int result, status;
        char output[64], complaint[64];
        size_t length;
} Ending;

static void on_end(Child *c, int result, int status, const char *output, size_t length,
                   const char *complaint, void *userdata)
{
        Ending *e = userdata;

        e->result = result;
        e->status = status;
        e->length = length;
        snprintf(e->output, sizeof(e->output), "%s", output);
        snprintf(e->complaint, sizeof(e->complaint), "%s", complaint);
        (void)sd_event_exit(e->loop, 0);
}

static Ending run(const char *shell, uint64_t timeout_usec, size_t max)
{
        const char *const argv[] = { "sh", "-c", shell, NULL };
        Ending e = { .result = 1 };
        Child *child = NULL;
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || sd_event_new(&e.loop) < 0 ||
            child_start(e.loop, argv, timeout_usec, max, on_end, &e, &child) < 0)
                abort();
        (void)sd_event_loop(e.loop);
        child_free(child);
        sd_event_unref(e.loop);
        return e;
}

static void test_what_it_prints(void)
{
        Ending e = run("echo out; echo complaint >&2; exit 3", 60 * SEC, 100);

        tap_eq_int(e.result, 0, "it ran");
        tap_eq_int(e.status, 3, "its exit status");
        tap_eq_str(e.output, "out\n", "its output");
        tap_eq_str(e.complaint, "complaint\n", "its complaint");

        e = run("kill -9 $$", 60 * SEC, 100);
        tap_eq_int(e.status, 137, "a signal that ended it");
        e = run("exec >&-; exec 2>&-; exit 4", 60 * SEC, 100);
        tap_eq_int(e.status, 4, "what closes all is waited for");
        e = run("cat; echo nothing", 60 * SEC, 100);
        tap_eq_str(e.output, "nothing\n", "it has nothing to read");
}

static void test_limits(void)
{
        Ending e = run("while :; do echo 0123456789; done", 60 * SEC, 1000000);

        tap_eq_int(e.result, -EFBIG, "who prints too much is ended");
        e = run("while :; do :; done & sleep 1000", SEC / 10, 100);
        tap_eq_int(e.result, -ETIMEDOUT, "so is who takes too long");
        e = run("head -c 100 /dev/zero", 60 * SEC, 100);
        tap_eq_int(e.result, 0, "up to the limit is well");
        tap_eq_int((int64_t)e.length, 100, "all of it");
        e = run("head -c 100000 /dev/zero >&2; echo x", 60 * SEC, 100);
        tap_eq_int(e.result, 0, "complaints are cut");
}

static void test_its_environment(void)
{
        Ending e;

        setenv("NOTIFY_SOCKET", "/run/x", 1);
        setenv("WATCHDOG_USEC", "7", 1);
        setenv("OURS", "kept", 1);
        e = run("echo \"$NOTIFY_SOCKET$WATCHDOG_USEC$OURS\"", 60 * SEC, 100);
        tap_eq_str(e.output, "kept\n", "systemd's words to us are not for it");
}

static void test_what_cannot_be_run(void)
{
        const char *const argv[] = { "no-such-program-at-all", NULL };
        Child *child = NULL;
        sd_event *loop = NULL;

        if (sd_event_new(&loop) < 0)
                abort();
        tap_eq_int(child_start(loop, argv, SEC, 100, on_end, NULL, &child), -ENOENT,
                   "there is no such program");
        tap_ok(!child, "and no child");
        sd_event_unref(loop);
}

int main(void)
{
        test_what_it_prints();
        test_limits();
        test_its_environment();
        test_what_cannot_be_run();
        return tap_done();
}
