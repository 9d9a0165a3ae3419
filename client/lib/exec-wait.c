/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus-errno.h"
#include "cleanup.h"
#include "client.h"
#include "clock.h"
#include "insist.h"
#include "names.h"
#include "public.h"
#include "utf8.h"

/* The service keeps the time; so much longer we wait for its answer before we say it ourselves. */
#define GRACE_USEC UINT64_C(1000000)

struct cev_exec_wait {
        unsigned n_ref;
        Member member;
        cev_client *client; /* reference */
        char *id;           /* owned */
        cev_exec_wait_handler handler;
        void *userdata;
        uint64_t deadline_usec; /* CLOCK_MONOTONIC; 0 for none */
        sd_event_source *late;  /* owned */
        Insist *insist;         /* owned; of this connection */
        bool begun;             /* on a connection, at least once */
        bool ended;
};

static cev_exec_wait *of_member(Member *m)
{
        return (cev_exec_wait *)((char *)m - offsetof(cev_exec_wait, member));
}

static void finish(cev_exec_wait *w, int result, int exit_code, const sd_bus_error *error)
{
        static const sd_bus_error unset = SD_BUS_ERROR_NULL;

        if (w->ended)
                return;
        w->ended = true;
        w->insist = insist_free(w->insist);
        w->late = sd_event_source_disable_unref(w->late);
        client_leave(&w->member);
        w->handler(w, result, exit_code, error ?: &unset, w->userdata);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
        static const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(
                CE_ERROR_TIMED_OUT, "The exec session has not ended in that time.");
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = cev_exec_wait_ref(userdata);

        finish(w, -ETIMEDOUT, 0, &error);
        return 0;
}

/* ---- the call ---- */

/* For the service 0 is no limit. */
static uint64_t time_left(const cev_exec_wait *w)
{
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        if (w->deadline_usec == 0)
                return 0;
        return w->deadline_usec > now ? w->deadline_usec - now : 1;
}

static int make(sd_bus *bus, sd_bus_message **ret, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        cev_exec_wait *w = userdata;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, CE_BUS_NAME, CE_OBJECT_PATH, CE_INTERFACE,
                                           "WaitExecExit");
        if (r >= 0)
                r = sd_bus_message_append(m, "st", w->id, time_left(w));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

static bool on_answer(sd_bus_message *reply, void *userdata)
{
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = cev_exec_wait_ref(userdata);
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int32_t code = 0;
        int r;

        r = error ? bus_errno(error, -EIO) : sd_bus_message_read(reply, "i", &code);
        finish(w, r < 0 ? r : 0, r < 0 ? 0 : code, error);
        return false;
}

static void on_failed(int result, const sd_bus_error *error, void *userdata)
{
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = cev_exec_wait_ref(userdata);

        /* The client will notice, and have us begin anew. */
        if (!client_is_cut(w->client))
                finish(w, bus_errno(error, result), 0, error);
}

static void on_notice(FollowNotice notice, const char *text, void *userdata)
{
}

/* ---- connections ---- */

static void on_cut(Member *m)
{
        cev_exec_wait *w = of_member(m);

        w->insist = insist_free(w->insist);
}

static void on_begin(Member *m, sd_bus *bus)
{
        static const InsistHandler handler = {
                .make = make,
                .answered = on_answer,
                .failed = on_failed,
                .notice = on_notice,
        };
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = cev_exec_wait_ref(of_member(m));
        bool again = w->begun;
        int r;

        w->begun = true;
        r = insist_new(bus, again, &handler, w, &w->insist);
        if (r < 0)
                finish(w, r, 0, NULL);
}

/* ---- life ---- */

_public_ cev_exec_wait *cev_exec_wait_ref(cev_exec_wait *w)
{
        if (w)
                w->n_ref++;
        return w;
}

_public_ cev_exec_wait *cev_exec_wait_unref(cev_exec_wait *w)
{
        if (!w || --w->n_ref > 0)
                return NULL;
        client_leave(&w->member);
        insist_free(w->insist);
        sd_event_source_disable_unref(w->late);
        cev_client_unref(w->client);
        free(w->id);
        free(w);
        return NULL;
}

/* A limit so far away that it does not fit is none. */
static int set_timeout(cev_exec_wait *w, uint64_t timeout_usec)
{
        uint64_t late;

        if (timeout_usec == 0 ||
            __builtin_add_overflow(clock_usec(CLOCK_MONOTONIC), timeout_usec, &w->deadline_usec) ||
            __builtin_add_overflow(w->deadline_usec, GRACE_USEC, &late)) {
                w->deadline_usec = 0;
                return 0;
        }
        return sd_event_add_time(w->client->loop, &w->late, CLOCK_MONOTONIC, late, 0, on_late, w);
}

_public_ int cev_exec_wait_new(cev_client *c, const char *id, uint64_t timeout_usec,
                               cev_exec_wait_handler handler, void *userdata, cev_exec_wait **ret)
{
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = NULL;
        int r;

        if (!c || !id || !handler || !ret || !utf8_is_valid(id))
                return -EINVAL;
        w = calloc(1, sizeof(cev_exec_wait));
        if (!w)
                return -ENOMEM;
        w->n_ref = 1;
        w->client = cev_client_ref(c);
        w->member = (Member){ .begin = on_begin, .cut = on_cut };
        w->handler = handler;
        w->userdata = userdata;
        w->id = strdup(id);
        if (!w->id)
                return -ENOMEM;
        r = client_join(c, &w->member);
        if (r >= 0)
                r = set_timeout(w, timeout_usec);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}
