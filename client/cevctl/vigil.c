/* SPDX-License-Identifier: Apache-2.0 */
#include "vigil.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "bus.h"
#include "cleanup.h"
#include "clock.h"
#include "escape.h"
#include "meter.h"

/* A bus that throws us out again and again is not to be asked in a circle. */
#define RECONNECT_USEC 200000

/* What the deadline leaves to a service that has not answered yet. It keeps the time of a wait
 * itself, and who gave it no time at all still wants to know what is there. */
#define GRACE_USEC UINT64_C(1000000)

#define BEAT_USEC UINT64_C(1000000)

struct Vigil {
        const Context *context;
        const VigilOptions *options;
        sd_event *loop; /* owned */
        Meter meter;
        uint64_t started_usec; /* CLOCK_MONOTONIC */
        int status;
        bool ended;
        bool cut;
        bool answered;
        bool late;
};

/* ---- what callers say ---- */

void vigil_finish(Vigil *v, int status)
{
        if (v->ended)
                return;
        v->ended = true;
        v->status = status;
}

void vigil_reconnect(Vigil *v)
{
        v->cut = true;
}

void vigil_time_out(Vigil *v)
{
        if (v->ended)
                return;
        vigil_clear(v);
        fputs("cevctl: ", stderr);
        escape_print(stderr, v->options->late);
        fputc('\n', stderr);
        vigil_finish(v, STATUS_TIMED_OUT);
}

void vigil_answered(Vigil *v)
{
        v->answered = true;
        if (v->late)
                vigil_time_out(v);
}

uint64_t vigil_time_left(const Vigil *v)
{
        uint64_t timeout = v->options->timeout_usec,
                 spent = clock_usec(CLOCK_MONOTONIC) - v->started_usec;

        if (timeout == UINT64_MAX)
                return UINT64_MAX;
        return timeout > spent ? timeout - spent : 1;
}

void vigil_clear(Vigil *v)
{
        meter_clear(&v->meter);
}

/* ---- what ends it ---- */

/* As if we had not caught it: a shell that runs us as part of a script sees that it was a signal,
 * and stops, too. */
static void die(Vigil *v, int number)
{
        sigset_t set;

        vigil_clear(v);
        sigemptyset(&set);
        sigaddset(&set, number);
        signal(number, SIG_DFL);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
        (void)raise(number);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Vigil *v = userdata;

        if (v->options->is_wait)
                die(v, (int)si->ssi_signo);
        if (si->ssi_signo == SIGINT && isatty(STDERR_FILENO))
                fputc('\n', stderr); /* the terminal shows "^C" */
        vigil_finish(v, si->ssi_signo == SIGINT ? STATUS_INTERRUPTED : STATUS_OK);
        return 0;
}

/* No write would tell while there is nothing to write. */
static int on_reader_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Vigil *v = userdata;

        if (v->options->is_wait)
                die(v, SIGPIPE);
        vigil_finish(v, STATUS_OK);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Vigil *v = userdata;

        if (v->answered || v->late) {
                vigil_time_out(v);
                return 0;
        }
        v->late = true;
        return sd_event_add_time_relative(v->loop, NULL, CLOCK_MONOTONIC, GRACE_USEC, 0,
                                          on_deadline, v);
}

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata)
{
        Vigil *v = userdata;
        int r;

        meter_set(&v->meter, (clock_usec(CLOCK_MONOTONIC) - v->started_usec) / UINT64_C(1000000));
        r = sd_event_source_set_time(source, usec + BEAT_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- the run ---- */

static int block_signals(sigset_t *ret_before)
{
        sigset_t set;

        /* A reader that has gone is an error of write(), not a signal. */
        signal(SIGPIPE, SIG_IGN);

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        return sigprocmask(SIG_BLOCK, &set, ret_before) < 0 ? -errno : 0;
}

static int add_timers(Vigil *v)
{
        uint64_t timeout = v->options->timeout_usec;
        int r = 0;

        v->started_usec = clock_usec(CLOCK_MONOTONIC);
        if (timeout < UINT64_MAX)
                r = sd_event_add_time_relative(v->loop, NULL, CLOCK_MONOTONIC, timeout, 1000,
                                               on_deadline, v);
        if (r < 0 || !v->options->what)
                return r;
        meter_start(&v->meter, v->options->what);
        if (v->meter.on)
                r = sd_event_add_time_relative(v->loop, NULL, CLOCK_MONOTONIC, BEAT_USEC, 0,
                                               on_beat, v);
        return r;
}

static int start(Vigil *v)
{
        int r;

        r = sd_event_new(&v->loop);
        if (r >= 0)
                r = sd_event_add_signal(v->loop, NULL, SIGINT, on_signal, v);
        if (r >= 0)
                r = sd_event_add_signal(v->loop, NULL, SIGTERM, on_signal, v);
        if (r >= 0)
                r = add_timers(v);
        if (r < 0)
                return r;
        r = sd_event_add_io(v->loop, NULL, STDOUT_FILENO, 0, on_reader_gone, v);
        return r == -EPERM ? 0 : r; /* a file has no reader that could go */
}

static void fail_to_open(Vigil *v, int r)
{
        vigil_clear(v);
        vigil_finish(v, bus_report(v->context->user, NULL, r));
}

/* Not sd_event_loop(): it ends once only. */
static void run_loop(Vigil *v, int r)
{
        while (r >= 0 && !v->ended && !v->cut)
                r = sd_event_run(v->loop, UINT64_MAX);
        if (r < 0 && !v->ended) {
                vigil_clear(v);
                vigil_finish(v, command_error(r, "Cannot go on"));
        }
}

/* Until the end. */
static void watch_client(Vigil *v, const VigilHandler *handler, void *userdata)
{
        _cleanup_(cev_client_unrefp) cev_client *client = NULL;
        int r;

        r = bus_open_client(v->context->user, &client);
        if (r < 0) {
                fail_to_open(v, r);
                return;
        }
        r = cev_client_attach_event(client, v->loop);
        if (r >= 0)
                r = handler->subscribe(v, client, userdata);
        run_loop(v, r);
        handler->end(userdata);
        vigil_clear(v);
}

/* Until the end, or until the bus closes the connection. */
static void watch_bus(Vigil *v, const VigilHandler *handler, void *userdata)
{
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = bus_open(v->context->user, &bus);
        if (r < 0) {
                fail_to_open(v, r);
                return;
        }
        r = sd_bus_attach_event(bus, v->loop, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = handler->begin(v, bus, userdata);
        run_loop(v, r);
        handler->end(userdata);
        (void)sd_bus_detach_event(bus);
        vigil_clear(v);
}

int vigil_run(const Context *c, const VigilOptions *options, const VigilHandler *handler,
              void *userdata)
{
        Vigil v = { .context = c, .options = options };
        sigset_t before;
        int r;

        r = block_signals(&before);
        if (r < 0)
                return command_error(r, "Cannot start");
        r = start(&v);
        if (r < 0)
                vigil_finish(&v, command_error(r, "Cannot start"));
        while (!v.ended) {
                if (handler->subscribe)
                        watch_client(&v, handler, userdata);
                else
                        watch_bus(&v, handler, userdata);
                if (v.ended)
                        break;
                /* dbus-broker closes the connection of a reader that stands still for too long (a
                 * pager, a stopped terminal); a bus may be restarted. */
                v.cut = false;
                (void)usleep(RECONNECT_USEC);
        }
        sd_event_unref(v.loop);
        /* What is still to be done can be interrupted as in any program. */
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        return v.status;
}
