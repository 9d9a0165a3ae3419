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
        cev_client *client;             /* the vigil's */
        cev_subscription *subscription; /* owned */
        char *cursor;                   /* owned; behind the last event printed, or page read */
        char *written;                  /* owned; what the cursor file has */
        bool found;                     /* the event that is waited for */
        int answer;                     /* then: what we exit with */
        int status;                     /* if it is not good, why was told */
} Show;

static void show_done(Show *s)
{
        cev_subscription_unref(s->subscription);
        output_free(s->output);
        free(s->cursor);
        free(s->written);
}

/* ---- where we are ---- */

static int remember(Show *s, const char *cursor)
{
        char *copy;

        if (!*cursor)
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

static int print_json(Show *s, const cev_event *e, FILE *f)
{
        _cleanup_json_ json_object *object = NULL;
        _cleanup_free_ char *line = NULL;
        int r;

        r = cev_event_to_json(e, &line);
        if (r < 0)
                return r;
        if (s->options->format == SHOW_JSON) {
                fputs(line, f);
                fputc('\n', f);
                return 0;
        }
        object = json_tokener_parse(line);
        if (!object)
                return -ENOMEM;
        return template_print(s->options->template, f, object, output_is_terminal(s->output));
}

/* Ends the subscription: 1. */
static int take_as_answer(Show *s, const cev_event *e)
{
        int code;

        s->found = true;
        if (s->options->propagate && cev_event_get_exit_code(e, &code) >= 0) {
                s->answer = command_propagate(code);
        } else if (s->options->propagate) {
                fputs("cevctl: The event has no exit code.\n", stderr);
                s->status = STATUS_CODE_UNKNOWN;
        }
        return 1;
}

static int on_event(cev_subscription *subscription, cev_event *e, void *userdata)
{
        Show *s = userdata;
        FILE *f = output_file(s->output);
        int r = 0;

        vigil_clear(s->vigil);
        if (s->options->format == SHOW_HUMAN)
                print_human(f, e, &s->print);
        else
                r = print_json(s, e, f);
        if (r >= 0)
                r = output_error(s->output);
        if (r >= 0)
                r = remember(s, cev_event_get_cursor(e));
        if (r < 0)
                return r;
        return s->options->wait ? take_as_answer(s, e) : 0;
}

static int on_idle(cev_subscription *subscription, void *userdata)
{
        Show *s = userdata;
        const char *cursor;
        int r;

        r = output_flush(s->output);
        if (r >= 0 && cev_subscription_get_cursor(subscription, &cursor) >= 0)
                r = remember(s, cursor);
        return r < 0 ? r : save(s);
}

static void on_caught_up(cev_subscription *subscription, void *userdata)
{
        Show *s = userdata;

        vigil_answered(s->vigil);
}

static void on_notice(cev_subscription *subscription, cev_notice notice, const char *text,
                      void *userdata)
{
        Show *s = userdata;

        (void)output_flush(s->output);
        vigil_clear(s->vigil);
        if (notice == CEV_NOTICE_ABSENT && !cev_client_get_bus(s->client)) {
                /* A bus is not waited for as long as a service: that may be a machine going down.
                 */
                s->status = bus_report(s->context->user, NULL, -ENOTCONN);
                vigil_finish(s->vigil, s->status);
                return;
        }
        notice_print(notice, text);
}

static void on_end(cev_subscription *subscription, int result, const sd_bus_error *error,
                   void *userdata)
{
        Show *s = userdata;
        int broken = output_error(s->output);

        if (s->status != STATUS_OK || s->found || result >= 0 || broken == -EPIPE) {
                ; /* told already, or nothing to tell: whoever read us has had enough */
        } else if (broken < 0) {
                s->status = command_error(broken, "Cannot write");
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

static int choose(const FollowOptions *o, cev_subscription *subscription)
{
        int r = 0;

        for (const char *const *filter = o->filters; r >= 0 && filter && *filter; filter++)
                r = cev_subscription_add_filter(subscription, *filter);
        if (r >= 0 && o->start == FOLLOW_CURSOR)
                r = cev_subscription_set_cursor(subscription, o->cursor);
        if (r >= 0 && (o->start == FOLLOW_TIME || o->since_nsec > 0))
                r = cev_subscription_set_since(subscription, o->since_nsec);
        if (r >= 0)
                r = cev_subscription_set_until(subscription, o->until_nsec);
        return r < 0 ? r : cev_subscription_set_follow(subscription, o->follow);
}

static int on_client(Vigil *vigil, cev_client *client, void *userdata)
{
        Show *s = userdata;
        int r;

        s->vigil = vigil;
        s->client = client;
        r = cev_subscription_new(client, &s->subscription);
        if (r >= 0)
                r = choose(&s->options->follow, s->subscription);
        if (r >= 0)
                r = cev_subscription_set_idle_handler(s->subscription, on_idle);
        if (r >= 0)
                r = cev_subscription_set_caught_up_handler(s->subscription, on_caught_up);
        if (r >= 0)
                r = cev_subscription_set_notice_handler(s->subscription, on_notice);
        if (r >= 0)
                r = cev_subscription_set_end_handler(s->subscription, on_end);
        return r < 0 ? r : cev_subscription_start(s->subscription, on_event, s);
}

static void on_over(void *userdata)
{
        Show *s = userdata;

        s->subscription = cev_subscription_unref(s->subscription);
}

int show_events(const Context *c, const ShowOptions *options)
{
        static const VigilHandler handler = { .subscribe = on_client, .end = on_over };
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
