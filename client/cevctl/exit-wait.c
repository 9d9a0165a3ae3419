/* SPDX-License-Identifier: Apache-2.0 */
#include "exit-wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "bus.h"
#include "cleanup.h"
#include "container-end.h"
#include "exit-report.h"
#include "follow.h"
#include "insist.h"
#include "names.h"
#include "notice.h"
#include "vigil.h"

/*
 * Of an exec session WaitExecExit says the code. Of a container, ContainerExitCode says whether
 * there is one, and the code with which it ended last; then its events say whether it is running
 * again, and when it ends. An end between the two is among the events.
 */

typedef enum Phase {
        ASKING_EXEC,
        ASKING_CONTAINER,
        FOLLOWING,
} Phase;

/* Of the events that are followed, besides the ID. */
static const char *const fixed_filters[] = { "type=container", "event=create",  "event=start",
                                             "event=restart",  "event=restore", "event=died",
                                             "event=remove" };

#define N_FIXED_FILTERS (sizeof(fixed_filters) / sizeof(fixed_filters[0]))
#define N_FILTERS       (N_FIXED_FILTERS + 1)

typedef struct ExitWait {
        const Context *context;
        const ExitWaitOptions *options;
        Vigil *vigil;
        sd_bus *bus;
        Phase phase;
        bool connected; /* the bus has answered, once at least */
        Insist *insist; /* owned; of this connection */
        Follow *follow; /* owned; of this connection */

        char *id_filter; /* owned */
        const char *filters[N_FILTERS + 1];
        ContainerEnd end;
        bool live;    /* the past was read */
        char *cursor; /* owned; where following has come to, or NULL */
        char *start;  /* owned; where it began on this connection */

        int code;
} ExitWait;

static void exit_wait_done(ExitWait *w)
{
        container_end_done(&w->end);
        free(w->id_filter);
        free(w->cursor);
        free(w->start);
}

static void give_up(ExitWait *w, const sd_bus_error *error, int r)
{
        vigil_clear(w->vigil);
        vigil_finish(w->vigil, bus_report(w->context->user, error, r));
}

static void find_code(ExitWait *w, int code)
{
        w->code = code;
        vigil_finish(w->vigil, STATUS_OK);
}

static void on_notice(FollowNotice notice, const char *text, void *userdata)
{
        static const cev_notice notices[] = {
                [FOLLOW_EXPIRED] = CEV_NOTICE_EXPIRED,
                [FOLLOW_ABSENT] = CEV_NOTICE_ABSENT,
                [FOLLOW_BACK] = CEV_NOTICE_BACK,
                [FOLLOW_TROUBLE] = CEV_NOTICE_TROUBLE,
        };
        ExitWait *w = userdata;

        vigil_clear(w->vigil);
        notice_print(notices[notice], text);
}

/* ---- following a container ---- */

static int remember(ExitWait *w, const char *cursor)
{
        char *copy;

        if (!cursor)
                return 0;
        copy = strdup(cursor);
        if (!copy)
                return -ENOMEM;
        free(w->cursor);
        w->cursor = copy;
        return 0;
}

static void tell_end(ExitWait *w)
{
        if (w->end.known) {
                find_code(w, w->end.code);
                return;
        }
        vigil_clear(w->vigil);
        vigil_finish(w->vigil, exit_report_unknown(w->end.full_id ?: w->options->id));
}

static int on_event(const Event *e, const char *cursor, void *userdata)
{
        ExitWait *w = userdata;
        int r;

        r = container_end_look_at(&w->end, e);
        if (r == -ENOTUNIQ) {
                vigil_clear(w->vigil);
                vigil_finish(w->vigil, exit_report_ambiguous(w->options->id));
        } else if (r > 0 && w->live) {
                tell_end(w);
        }
        return r < 0 ? r : remember(w, cursor);
}

static int on_pause(const char *cursor, void *userdata)
{
        return remember(userdata, cursor);
}

static void on_caught_up(void *userdata)
{
        ExitWait *w = userdata;

        w->live = true;
        if (w->end.ended)
                tell_end(w);
        else
                vigil_answered(w->vigil);
}

static void on_follow_end(int result, const sd_bus_error *error, void *userdata)
{
        ExitWait *w = userdata;

        if (result == -ENOTUNIQ)
                return;
        if (sd_bus_is_open(w->bus) <= 0)
                vigil_reconnect(w->vigil);
        else
                give_up(w, error, result);
}

static int follow(ExitWait *w)
{
        static const FollowHandler handler = {
                .event = on_event,
                .pause = on_pause,
                .caught_up = on_caught_up,
                .notice = on_notice,
                .end = on_follow_end,
        };
        FollowOptions options = { .start = FOLLOW_TIME, .filters = w->filters, .follow = true };

        if (w->cursor) {
                free(w->start);
                w->start = strdup(w->cursor);
                if (!w->start)
                        return -ENOMEM;
                options.start = FOLLOW_CURSOR;
                options.cursor = w->start;
        }
        return follow_new(w->bus, &options, &handler, w, &w->follow);
}

/* ---- asking ---- */

static int make(sd_bus *bus, sd_bus_message **ret, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        ExitWait *w = userdata;
        bool exec = w->phase == ASKING_EXEC;
        uint64_t left = vigil_time_left(w->vigil);
        int r;

        w->connected = true;
        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           exec ? "WaitExecExit" : "ContainerExitCode");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", w->options->id);
        if (r >= 0 && exec)
                r = sd_bus_message_append(m, "t", left < UINT64_MAX ? left : UINT64_C(0));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

/* Returns whether there is another question. */
static bool take_error(ExitWait *w, const sd_bus_error *error)
{
        BusFailure failure = bus_failure(error);
        bool exec = w->phase == ASKING_EXEC;

        if (failure == BUS_FAILURE_NO_SUCH && exec && w->options->container) {
                w->phase = ASKING_CONTAINER;
                return true;
        }
        if (failure == BUS_FAILURE_TIMED_OUT) {
                vigil_time_out(w->vigil);
        } else if (failure == BUS_FAILURE_NO_SUCH && w->options->exec && w->options->container) {
                vigil_clear(w->vigil);
                vigil_finish(w->vigil, exit_report_no_such(w->options->id));
        } else {
                give_up(w, error, -sd_bus_error_get_errno(error));
        }
        return false;
}

static void begin_following(ExitWait *w, const int *code)
{
        int r;

        w->phase = FOLLOWING;
        w->end.ended = w->end.known = code != NULL;
        w->end.code = code ? *code : 0;
        r = follow(w);
        if (r < 0)
                vigil_finish(w->vigil, command_error(r, "Cannot follow the container"));
}

static bool on_answer(sd_bus_message *m, void *userdata)
{
        ExitWait *w = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        int code, r;

        /* Of a container that is, as a rule: it has not ended yet. */
        if (w->phase == ASKING_CONTAINER && error &&
            bus_failure(error) == BUS_FAILURE_CODE_UNKNOWN) {
                begin_following(w, NULL);
                return false;
        }
        if (error)
                return take_error(w, error);

        r = sd_bus_message_read(m, "i", &code);
        if (r < 0)
                vigil_finish(w->vigil,
                             command_error(r, "Cannot read the answer of containers-eventsd"));
        else if (w->phase == ASKING_EXEC)
                find_code(w, code);
        else
                begin_following(w, &code);
        return false;
}

static void on_failed(int result, const sd_bus_error *error, void *userdata)
{
        ExitWait *w = userdata;

        if (sd_bus_is_open(w->bus) <= 0 && w->connected)
                vigil_reconnect(w->vigil);
        else
                give_up(w, error, result);
}

/* ---- the run ---- */

static int on_begin(Vigil *vigil, sd_bus *bus, void *userdata)
{
        static const InsistHandler handler = {
                .make = make,
                .answered = on_answer,
                .failed = on_failed,
                .notice = on_notice,
        };
        ExitWait *w = userdata;

        w->vigil = vigil;
        w->bus = bus;
        return w->phase == FOLLOWING ? follow(w)
                                     : insist_new(bus, w->connected, &handler, w, &w->insist);
}

static void on_over(void *userdata)
{
        ExitWait *w = userdata;

        w->insist = insist_free(w->insist);
        w->follow = follow_free(w->follow);
}

int exit_wait(const Context *c, const ExitWaitOptions *options, ExitKind *ret_kind, int *ret_code)
{
        static const VigilHandler handler = { .begin = on_begin, .end = on_over };
        _cleanup_(exit_wait_done) ExitWait w = {
                .context = c,
                .options = options,
                .phase = options->exec ? ASKING_EXEC : ASKING_CONTAINER,
                .end.id = options->id,
        };
        _cleanup_free_ char *late = NULL;
        VigilOptions vigil = {
                .is_wait = true,
                .timeout_usec = options->timeout_usec,
                .what = "s of waiting for the end",
        };
        int status;

        if (asprintf(&late, "\"%s\" has not ended in that time.", options->id) < 0)
                late = NULL;
        if (asprintf(&w.id_filter, "id=%s", options->id) < 0)
                w.id_filter = NULL;
        if (!late || !w.id_filter)
                return command_error(-ENOMEM, "Cannot start");
        memcpy(w.filters, fixed_filters, sizeof(fixed_filters));
        w.filters[N_FIXED_FILTERS] = w.id_filter;
        vigil.late = late;
        status = vigil_run(c, &vigil, &handler, &w);
        if (status != STATUS_OK)
                return status;
        *ret_kind = w.phase == ASKING_EXEC ? EXIT_EXEC : EXIT_CONTAINER;
        *ret_code = w.code;
        return -1;
}
