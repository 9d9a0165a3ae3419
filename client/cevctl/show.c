/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "bus.h"
#include "cleanup.h"
#include "cursor-file.h"
#include "escape.h"
#include "event-json.h"
#include "output.h"
#include "print.h"

/* A bus that throws us out again and again is not to be asked in a circle. */
#define RECONNECT_USEC 200000

typedef struct Show {
        const Context *context;
        const ShowOptions *options;
        PrintOptions print;
        Output *output;
        sd_event *loop; /* of this connection */
        sd_bus *bus;
        char *cursor;  /* owned; behind the last event printed, or page read */
        char *written; /* owned; what the cursor file has */
        bool disconnected;
        int status;
} Show;

static void show_done(Show *s)
{
        output_free(s->output);
        free(s->cursor);
        free(s->written);
}

/* ---- where we are ---- */

static int remember(Show *s, const char *cursor)
{
        char *copy;

        if (!cursor)
                return 0;
        copy = strdup(cursor);
        if (!copy)
                return -ENOMEM;
        free(s->cursor);
        s->cursor = copy;
        return 0;
}

/* After what was printed has left us, never before: an event may come twice after a crash, but none
 * is left out. */
static int save(Show *s)
{
        int r;

        if (!s->options->cursor_file || !s->cursor ||
            (s->written && strcmp(s->cursor, s->written) == 0))
                return 0;
        r = cursor_file_write(s->options->cursor_file, s->cursor);
        if (r < 0) {
                s->status = command_error(r, s->options->cursor_file);
                return r;
        }
        free(s->written);
        s->written = strdup(s->cursor);
        return s->written ? 0 : -ENOMEM;
}

/* ---- what following calls ---- */

static int print_event(Show *s, const Event *e, const char *cursor)
{
        _cleanup_json_ json_object *object = NULL;
        FILE *f = output_file(s->output);
        int r;

        if (s->options->format == SHOW_HUMAN) {
                print_human(f, e, &s->print);
                return 0;
        }
        r = event_to_json(e, cursor, &object);
        if (r < 0)
                return r;
        if (s->options->format == SHOW_JSON)
                return json_print(f, object);
        return template_print(s->options->template, f, object, output_is_terminal(s->output));
}

static int on_event(const Event *e, const char *cursor, void *userdata)
{
        Show *s = userdata;
        int r;

        r = print_event(s, e, cursor);
        if (r < 0)
                return r;
        r = output_error(s->output);
        if (r < 0)
                return r;
        return remember(s, cursor);
}

static int on_pause(const char *cursor, void *userdata)
{
        Show *s = userdata;
        int r;

        r = output_flush(s->output);
        if (r < 0)
                return r;
        r = remember(s, cursor);
        return r < 0 ? r : save(s);
}

static void on_notice(FollowNotice notice, const char *text, void *userdata)
{
        static const char *const sentences[] = {
                [FOLLOW_EXPIRED] =
                        "Part of the history is gone; going on from the oldest event kept.",
                [FOLLOW_ABSENT] = "containers-eventsd has left the bus; waiting for it.",
                [FOLLOW_BACK] = "containers-eventsd is back; nothing it has recorded is missing.",
                [FOLLOW_TROUBLE] = "containers-eventsd cannot read its history; trying again.",
        };
        Show *s = userdata;

        (void)output_flush(s->output);
        fprintf(stderr, "cevctl: %s", sentences[notice]);
        if (*text) {
                fputs(" (", stderr);
                escape_print(stderr, text);
                fputc(')', stderr);
        }
        fputc('\n', stderr);
}

static void on_end(int result, const sd_bus_error *error, void *userdata)
{
        Show *s = userdata;
        int broken = output_error(s->output);

        if (s->status != STATUS_OK || result >= 0 || broken == -EPIPE)
                ; /* told already, or nothing to tell: whoever read us has had enough */
        else if (broken < 0)
                s->status = command_error(broken, "Cannot write");
        else if (sd_bus_is_open(s->bus) <= 0 && s->options->follow.follow && s->cursor)
                s->disconnected = true;
        else if (result == -EPROTO || result == -EBADMSG || result == -ENOMEM)
                s->status = command_error(result, "Cannot read the answer of containers-eventsd");
        else
                s->status = bus_report(s->context->user, error, result);
        (void)sd_event_exit(s->loop, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Show *s = userdata;

        s->status = si->ssi_signo == SIGINT ? STATUS_INTERRUPTED : STATUS_OK;
        if (si->ssi_signo == SIGINT && isatty(STDERR_FILENO))
                fputc('\n', stderr); /* the terminal shows "^C" */
        return sd_event_exit(s->loop, 0);
}

/* No write would tell while there is nothing to write. */
static int on_reader_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Show *s = userdata;

        return sd_event_exit(s->loop, 0);
}

/* ---- the run ---- */

static int block_signals(void)
{
        sigset_t set;

        /* A reader that has gone is an error of write(), not a signal. */
        signal(SIGPIPE, SIG_IGN);

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int new_loop(Show *s, sd_event **ret)
{
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;
        int r;

        r = sd_event_new(&loop);
        if (r >= 0)
                r = sd_event_add_signal(loop, NULL, SIGINT, on_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(loop, NULL, SIGTERM, on_signal, s);
        if (r >= 0)
                r = sd_event_add_io(loop, NULL, STDOUT_FILENO, 0, on_reader_gone, s);
        if (r < 0 && r != -EPERM) /* a file has no reader that could go */
                return r;

        *ret = TAKE_PTR(loop);
        return 0;
}

/* Until the end, or until the bus closes the connection. */
static void run(Show *s, const FollowOptions *options)
{
        static const FollowHandler handler = {
                .event = on_event,
                .pause = on_pause,
                .notice = on_notice,
                .end = on_end,
        };
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(follow_freep) Follow *follow = NULL;
        int r;

        r = bus_open(s->context->user, &bus);
        if (r < 0) {
                s->status = bus_report(s->context->user, NULL, r);
                return;
        }
        s->bus = bus;
        r = new_loop(s, &loop);
        if (r >= 0) {
                s->loop = loop;
                r = sd_bus_attach_event(bus, loop, SD_EVENT_PRIORITY_NORMAL);
        }
        if (r >= 0)
                r = follow_new(bus, options, &handler, s, &follow);
        if (r >= 0)
                r = sd_event_loop(loop);
        if (r < 0 && s->status == STATUS_OK)
                s->status = command_error(r, "Cannot follow events");
}

/* dbus-broker closes the connection of a reader that stands still for too long (a pager, a stopped
 * terminal). The history has everything, so we connect again and go on from where we are. */
static int run_again(Show *s)
{
        _cleanup_free_ char *cursor = strdup(s->cursor);
        FollowOptions options = s->options->follow;

        if (!cursor)
                return -ENOMEM;
        options.start = FOLLOW_CURSOR;
        options.cursor = cursor;
        s->disconnected = false;
        (void)usleep(RECONNECT_USEC);
        run(s, &options);
        return 0;
}

int show_events(const Context *c, const ShowOptions *options)
{
        _cleanup_(show_done) Show s = { .context = c, .options = options };
        int r;

        s.print.truncate = options->truncate;
        s.print.color = output_wants_color(STDOUT_FILENO);
        r = output_new(STDOUT_FILENO, &s.output);
        if (r >= 0)
                r = block_signals();
        if (r < 0)
                return command_error(r, "Cannot start");

        run(&s, &options->follow);
        while (s.disconnected && r >= 0)
                r = run_again(&s);

        r = output_flush(s.output);
        if (r >= 0)
                (void)save(&s);
        else if (r != -EPIPE && s.status == STATUS_OK)
                s.status = command_error(r, "Cannot write");
        return s.status;
}
