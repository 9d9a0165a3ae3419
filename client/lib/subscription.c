/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus-errno.h"
#include "choice.h"
#include "cleanup.h"
#include "client.h"
#include "event-object.h"
#include "follow.h"
#include "public.h"

/*
 * One Follow for each connection: what it does not know of is a connection that was cut. The cursor
 * stays here, and the next Follow goes on from it.
 *
 * A handler may drop the subscription, or end it. So around each there is a reference of ours, and
 * behind it nothing but the result is used.
 */

/* As Follow has it of a service that has gone. */
#define ABSENT_USEC UINT64_C(5000000)

struct cev_subscription {
        unsigned n_ref;
        Member member;
        cev_client *client; /* reference */
        Choice choice;
        bool has_since;   /* set, be it to 0 */
        bool until_end;   /* end where the history ends now */
        bool has_backlog; /* set, and not by default */
        bool backlog;

        cev_event_handler on_event;
        cev_idle_handler on_idle;
        cev_caught_up_handler on_caught_up;
        cev_notice_handler on_notice;
        cev_end_handler on_end;
        void *userdata;

        bool started;
        bool begun; /* on a connection, at least once */
        bool ended;
        Follow *follow;          /* owned; of this connection */
        FollowLive live;         /* of the one before */
        char *cursor;            /* owned; behind all that is done, or NULL */
        sd_event_source *absent; /* of a connection that was cut: when it is worth a word */
        bool told_absent;
};

static cev_subscription *of_member(Member *m)
{
        return (cev_subscription *)((char *)m - offsetof(cev_subscription, member));
}

static bool is_dropped(const cev_subscription *s)
{
        return s->n_ref == 1; /* which is the one around the handler */
}

/* ---- the end ---- */

static void finish(cev_subscription *s, int result, const sd_bus_error *error)
{
        static const sd_bus_error unset = SD_BUS_ERROR_NULL;

        if (s->ended)
                return;
        s->ended = true;
        s->follow = follow_free(s->follow);
        s->absent = sd_event_source_disable_unref(s->absent);
        client_leave(&s->member);
        if (s->on_end)
                s->on_end(s, result, error ?: &unset, s->userdata);
}

/* A handler's result; negative if the Follow is not to go on. */
static int take_result(cev_subscription *s, int result)
{
        if (result != 0 && !is_dropped(s))
                finish(s, result > 0 ? 0 : result, NULL);
        return is_dropped(s) || s->ended || !s->follow ? -ECANCELED : 0;
}

/* ---- what is told ---- */

static void tell(cev_subscription *s, cev_notice notice, const char *text)
{
        if (notice == CEV_NOTICE_ABSENT && s->told_absent)
                return;
        if (notice == CEV_NOTICE_BACK && !s->told_absent)
                return;
        if (notice == CEV_NOTICE_ABSENT || notice == CEV_NOTICE_BACK)
                s->told_absent = notice == CEV_NOTICE_ABSENT;
        if (s->on_notice)
                s->on_notice(s, notice, text, s->userdata);
}

/* Something came from the service. */
static void note_life(cev_subscription *s)
{
        s->absent = sd_event_source_disable_unref(s->absent);
        tell(s, CEV_NOTICE_BACK, "");
}

static void on_notice(FollowNotice notice, const char *text, void *userdata)
{
        static const cev_notice notices[] = {
                [FOLLOW_EXPIRED] = CEV_NOTICE_EXPIRED,
                [FOLLOW_ABSENT] = CEV_NOTICE_ABSENT,
                [FOLLOW_BACK] = CEV_NOTICE_BACK,
                [FOLLOW_TROUBLE] = CEV_NOTICE_TROUBLE,
        };
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(userdata);

        tell(s, notices[notice], text);
}

static int on_absent(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(userdata);

        s->absent = sd_event_source_disable_unref(s->absent);
        tell(s, CEV_NOTICE_ABSENT, "");
        return 0;
}

/* ---- what following calls ---- */

static int remember(cev_subscription *s, const char *cursor)
{
        char *copy;

        if (!cursor || !*cursor)
                return 0;
        copy = strdup(cursor);
        if (!copy)
                return -ENOMEM;
        free(s->cursor);
        s->cursor = copy;
        return 0;
}

static int on_event(const Event *e, const char *cursor, void *userdata)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(userdata);
        _cleanup_(cev_event_unrefp) cev_event *event = NULL;
        int r, remembered;

        note_life(s);
        r = take_result(s, 0);
        if (r >= 0)
                r = event_object_new(e, cursor, &event);
        if (r < 0)
                return r;
        r = s->on_event(s, event, s->userdata);
        if (r >= 0) {
                remembered = remember(s, cursor);
                r = remembered < 0 ? remembered : r;
        }
        return take_result(s, r);
}

static int on_pause(const char *cursor, void *userdata)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(userdata);
        int r;

        note_life(s);
        r = take_result(s, 0);
        if (r >= 0)
                r = remember(s, cursor);
        if (r < 0)
                return r;
        return take_result(s, s->on_idle ? s->on_idle(s, s->userdata) : 0);
}

static void on_caught_up(void *userdata)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(userdata);

        if (s->on_caught_up)
                s->on_caught_up(s, s->userdata);
}

static void on_end(int result, const sd_bus_error *error, void *userdata)
{
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(userdata);

        /* The client will notice, and have us begin anew. */
        if (result < 0 && client_is_cut(s->client))
                return;
        finish(s, result < 0 ? bus_errno(error, result) : 0, error);
}

/* ---- connections ---- */

static void on_cut(Member *m)
{
        cev_subscription *s = of_member(m);

        if (s->follow)
                s->live = follow_live(s->follow);
        s->follow = follow_free(s->follow);
        if (!s->absent && !s->told_absent)
                (void)sd_event_add_time_relative(s->client->loop, &s->absent, CLOCK_MONOTONIC,
                                                 ABSENT_USEC, 0, on_absent, s);
}

static FollowOptions options_now(const cev_subscription *s)
{
        const char *cursor = s->cursor ?: s->choice.cursor;
        bool from_now = !s->choice.cursor && !s->has_since && !s->until_end;

        return (FollowOptions){
                .start = cursor     ? FOLLOW_CURSOR
                         : from_now ? FOLLOW_NOW
                                    : FOLLOW_TIME,
                .cursor = cursor,
                .since_nsec = s->choice.since_nsec,
                .until_nsec = s->choice.until_nsec,
                .filters = choice_filters(&s->choice),
                .skips_backlog = s->has_backlog ? !s->backlog : from_now,
                .again = s->begun,
                .live = s->live,
                .gate = s->client->gate,
                .follow = !s->until_end,
        };
}

static void on_begin(Member *m, sd_bus *bus)
{
        static const FollowHandler handler = {
                .event = on_event,
                .pause = on_pause,
                .caught_up = on_caught_up,
                .notice = on_notice,
                .end = on_end,
        };
        _cleanup_(cev_subscription_unrefp) cev_subscription *s = cev_subscription_ref(of_member(m));
        FollowOptions options = options_now(s);
        Follow *follow = NULL;
        int r;

        s->begun = true;
        r = follow_new(bus, &options, &handler, s, &follow);
        if (r < 0)
                finish(s, r, NULL);
        else if (s->ended || is_dropped(s))
                follow_free(follow);
        else
                s->follow = follow;
}

_public_ int cev_subscription_start(cev_subscription *s, cev_event_handler handler, void *userdata)
{
        int r;

        if (!s || !handler)
                return -EINVAL;
        if (s->started)
                return -EBUSY;
        r = client_join(s->client, &s->member);
        if (r < 0)
                return r;
        s->started = true;
        s->on_event = handler;
        s->userdata = userdata;
        return 0;
}

_public_ int cev_subscription_get_cursor(const cev_subscription *s, const char **ret)
{
        if (!s || !ret)
                return -EINVAL;
        if (!s->cursor)
                return -ENODATA;
        *ret = s->cursor;
        return 0;
}

/* ---- what is wanted ---- */

static int check_new(const cev_subscription *s)
{
        return !s ? -EINVAL : s->started ? -EBUSY : 0;
}

_public_ int cev_subscription_add_filter(cev_subscription *s, const char *filter)
{
        int r = check_new(s);

        return r < 0 ? r : choice_add_filter(&s->choice, filter);
}

_public_ int cev_subscription_set_cursor(cev_subscription *s, const char *cursor)
{
        int r = check_new(s);

        return r < 0 ? r : choice_set_cursor(&s->choice, cursor);
}

_public_ int cev_subscription_set_since(cev_subscription *s, uint64_t since_nsec)
{
        int r = check_new(s);

        if (r < 0)
                return r;
        s->has_since = true;
        s->choice.since_nsec = since_nsec;
        return 0;
}

_public_ int cev_subscription_set_until(cev_subscription *s, uint64_t until_nsec)
{
        int r = check_new(s);

        if (r >= 0)
                s->choice.until_nsec = until_nsec;
        return r;
}

_public_ int cev_subscription_set_follow(cev_subscription *s, bool follow)
{
        int r = check_new(s);

        if (r >= 0)
                s->until_end = !follow;
        return r;
}

_public_ int cev_subscription_set_backlog(cev_subscription *s, bool backlog)
{
        int r = check_new(s);

        if (r < 0)
                return r;
        s->has_backlog = true;
        s->backlog = backlog;
        return 0;
}

_public_ int cev_subscription_set_idle_handler(cev_subscription *s, cev_idle_handler handler)
{
        int r = check_new(s);

        if (r >= 0)
                s->on_idle = handler;
        return r;
}

_public_ int cev_subscription_set_caught_up_handler(cev_subscription *s,
                                                    cev_caught_up_handler handler)
{
        int r = check_new(s);

        if (r >= 0)
                s->on_caught_up = handler;
        return r;
}

_public_ int cev_subscription_set_notice_handler(cev_subscription *s, cev_notice_handler handler)
{
        int r = check_new(s);

        if (r >= 0)
                s->on_notice = handler;
        return r;
}

_public_ int cev_subscription_set_end_handler(cev_subscription *s, cev_end_handler handler)
{
        int r = check_new(s);

        if (r >= 0)
                s->on_end = handler;
        return r;
}

/* ---- life ---- */

_public_ int cev_subscription_new(cev_client *c, cev_subscription **ret)
{
        cev_subscription *s;

        if (!c || !ret)
                return -EINVAL;
        s = calloc(1, sizeof(cev_subscription));
        if (!s)
                return -ENOMEM;
        s->n_ref = 1;
        s->client = cev_client_ref(c);
        s->member = (Member){ .begin = on_begin, .cut = on_cut };

        *ret = s;
        return 0;
}

_public_ cev_subscription *cev_subscription_ref(cev_subscription *s)
{
        if (s)
                s->n_ref++;
        return s;
}

_public_ cev_subscription *cev_subscription_unref(cev_subscription *s)
{
        if (!s || --s->n_ref > 0)
                return NULL;
        client_leave(&s->member);
        follow_free(s->follow);
        sd_event_source_disable_unref(s->absent);
        choice_done(&s->choice);
        free(s->cursor);
        cev_client_unref(s->client);
        free(s);
        return NULL;
}
