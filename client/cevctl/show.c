/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "cleanup.h"
#include "cursor-file.h"
#include "event-json.h"
#include "notice.h"
#include "output.h"
#include "print.h"
#include "vigil.h"

typedef struct Show {
        const Context *context;
        const ShowOptions *options;
        PrintOptions print;
        Output *output;
        Vigil *vigil;
        sd_bus *bus;
        Follow *follow;  /* owned; of this connection */
        FollowLive live; /* of the one before */
        char *cursor;    /* owned; behind the last event printed, or page read */
        char *start;     /* owned; where "follow" began */
        char *written;   /* owned; what the cursor file has */
        bool found;      /* the event that is waited for */
        int answer;      /* then: what we exit with */
        int status;      /* if it is not good, why was told */
} Show;

static void show_done(Show *s)
{
        follow_free(s->follow);
        output_free(s->output);
        free(s->cursor);
        free(s->start);
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

/* Ends the following: -ECANCELED. */
static int take_as_answer(Show *s, const Event *e)
{
        s->found = true;
        if (s->options->propagate && e->has_exit_code) {
                s->answer = command_propagate(e->exit_code);
        } else if (s->options->propagate) {
                fputs("cevctl: The event has no exit code.\n", stderr);
                s->status = STATUS_CODE_UNKNOWN;
        }
        return -ECANCELED;
}

static int on_event(const Event *e, const char *cursor, void *userdata)
{
        Show *s = userdata;
        int r;

        vigil_clear(s->vigil);
        r = print_event(s, e, cursor);
        if (r < 0)
                return r;
        r = output_error(s->output);
        if (r >= 0)
                r = remember(s, cursor);
        if (r < 0)
                return r;
        return s->options->wait ? take_as_answer(s, e) : 0;
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

static void on_caught_up(void *userdata)
{
        Show *s = userdata;

        vigil_answered(s->vigil);
}

static void on_notice(FollowNotice notice, const char *text, void *userdata)
{
        Show *s = userdata;

        (void)output_flush(s->output);
        vigil_clear(s->vigil);
        notice_print(notice, text);
}

static void on_end(int result, const sd_bus_error *error, void *userdata)
{
        Show *s = userdata;
        int broken = output_error(s->output);

        if (s->status != STATUS_OK || s->found || result >= 0 || broken == -EPIPE) {
                ; /* told already, or nothing to tell: whoever read us has had enough */
        } else if (broken < 0) {
                s->status = command_error(broken, "Cannot write");
        } else if (sd_bus_is_open(s->bus) <= 0 && s->options->follow.follow && s->cursor) {
                vigil_reconnect(s->vigil);
                return;
        } else {
                vigil_clear(s->vigil);
                if (result == -EPROTO || result == -EBADMSG || result == -ENOMEM)
                        s->status = command_error(result,
                                                  "Cannot read the answer of containers-eventsd");
                else
                        s->status = bus_report(s->context->user, error, result);
        }
        vigil_finish(s->vigil, s->status);
}

/* ---- the run ---- */

/* On another connection we go on from where we are: the history has everything. */
static int on_begin(Vigil *vigil, sd_bus *bus, void *userdata)
{
        static const FollowHandler handler = {
                .event = on_event,
                .pause = on_pause,
                .caught_up = on_caught_up,
                .notice = on_notice,
                .end = on_end,
        };
        Show *s = userdata;
        FollowOptions options = s->options->follow;

        s->vigil = vigil;
        s->bus = bus;
        options.skips_backlog = options.start == FOLLOW_NOW;
        if (s->cursor) {
                free(s->start);
                s->start = strdup(s->cursor);
                if (!s->start)
                        return -ENOMEM;
                options.start = FOLLOW_CURSOR;
                options.cursor = s->start;
                options.live = s->live;
        }
        return follow_new(bus, &options, &handler, s, &s->follow);
}

static void on_over(void *userdata)
{
        Show *s = userdata;

        if (s->follow)
                s->live = follow_live(s->follow);
        s->follow = follow_free(s->follow);
}

int show_events(const Context *c, const ShowOptions *options)
{
        static const VigilHandler handler = { .begin = on_begin, .end = on_over };
        _cleanup_(show_done) Show s = { .context = c, .options = options };
        VigilOptions vigil = {
                .is_wait = options->wait,
                .timeout_usec = options->wait ? options->timeout_usec : UINT64_MAX,
                .late = "No event that matches has come in that time.",
                .what = options->wait ? "s of waiting for an event" : NULL,
        };
        int r, status;

        s.print.truncate = options->truncate;
        s.print.color = output_wants_color(STDOUT_FILENO);
        r = output_new(STDOUT_FILENO, &s.output);
        if (r < 0)
                return command_error(r, "Cannot start");

        status = vigil_run(c, &vigil, &handler, &s);

        r = output_flush(s.output);
        if (r >= 0)
                (void)save(&s);
        else if (r != -EPIPE && s.status == STATUS_OK)
                s.status = command_error(r, "Cannot write");
        if (s.status == STATUS_OK && s.found)
                return s.answer;
        if (s.status != STATUS_OK)
                status = s.status;
        return options->propagate ? command_propagate_failure(status) : status;
}
