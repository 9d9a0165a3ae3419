/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Follows with libcontainers-events as its arguments say, and prints what it is told; for
 * test_library.py.
 *
 *     follow [LOOP] [SETTING...] [FILTER...]
 *
 * LOOP is how the loop runs: own, attached (a loop of ours), bus (a connection of ours, in no
 * loop), bus-attached (one in a loop of ours), fd (poll).
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <containers-events.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

typedef struct State {
        cev_client *client;     /* owned */
        cev_subscription *s;    /* owned */
        cev_event *kept;        /* owned: the last one */
        const char *drop_where; /* the handler that drops something, or NULL */
        const char *drop_what;  /* "s", "c" or "sc" */
        const char *asks;       /* the handler of events makes calls that block, or NULL */
        int result;             /* of the handler of events, */
        uint64_t result_seq;    /* for that one */
        bool ended;
} State;

static void drop(State *state, const char *where)
{
        if (!state->drop_where || strcmp(where, state->drop_where) != 0)
                return;
        printf("dropped in %s\n", where);
        if (strchr(state->drop_what, 's'))
                state->s = cev_subscription_unref(state->s);
        if (strchr(state->drop_what, 'c'))
                state->client = cev_client_unref(state->client);
        if (!state->s)
                state->ended = true;
}

static void ask(State *state, cev_event *e)
{
        _cleanup_(cev_event_unrefp) cev_event *same = NULL;
        int r;

        r = cev_get_event(state->client, cev_event_get_seq(e), &same, NULL);
        printf("asked %d %d\n", r, same && cev_event_get_seq(same) == cev_event_get_seq(e));
}

static int on_event(cev_subscription *s, cev_event *e, void *userdata)
{
        State *state = userdata;
        char *json;

        if (cev_event_to_json(e, &json) < 0)
                return -ENOMEM;
        puts(json);
        free(json);
        cev_event_unref(state->kept);
        state->kept = cev_event_ref(e);
        if (state->asks)
                ask(state, e);
        drop(state, "event");
        return cev_event_get_seq(e) == state->result_seq ? state->result : 0;
}

static int on_idle(cev_subscription *s, void *userdata)
{
        drop(userdata, "idle");
        return 0;
}

static void on_caught_up(cev_subscription *s, void *userdata)
{
        puts("caught up");
        drop(userdata, "caught-up");
}

static void on_notice(cev_subscription *s, cev_notice notice, const char *text, void *userdata)
{
        static const char *const names[] = {
                [CEV_NOTICE_EXPIRED] = "expired",
                [CEV_NOTICE_ABSENT] = "absent",
                [CEV_NOTICE_BACK] = "back",
                [CEV_NOTICE_TROUBLE] = "trouble",
        };

        printf("%s %s\n", names[notice], text);
        drop(userdata, "notice");
}

static void on_end(cev_subscription *s, int result, const sd_bus_error *error, void *userdata)
{
        State *state = userdata;
        const char *cursor = "";

        (void)cev_subscription_get_cursor(s, &cursor);
        printf("end %s %s %s\n", result < 0 ? strerrorname_np(-result) : "0", cursor,
               error->message ? error->message : "");
        state->ended = true;
        drop(state, "end");
}

/* "KEY VALUE" is a setting, all else a filter. */
static int set(State *state, char *word)
{
        char *value = strchr(word, ' ');
        cev_subscription *s = state->s;

        if (!value || strchr(word, '='))
                return cev_subscription_add_filter(s, word);
        *value++ = '\0';
        if (strcmp(word, "cursor") == 0)
                return cev_subscription_set_cursor(s, value);
        if (strcmp(word, "since") == 0)
                return cev_subscription_set_since(s, strtoull(value, NULL, 10));
        if (strcmp(word, "until") == 0)
                return cev_subscription_set_until(s, strtoull(value, NULL, 10));
        if (strcmp(word, "follow") == 0)
                return cev_subscription_set_follow(s, *value == 'y');
        if (strcmp(word, "backlog") == 0)
                return cev_subscription_set_backlog(s, *value == 'y');
        if (strcmp(word, "drop") == 0) {
                state->drop_where = strsep(&value, " ");
                state->drop_what = value;
        } else if (strcmp(word, "asks") == 0) {
                state->asks = value;
        } else if (strcmp(word, "return") == 0) {
                state->result = (int)strtol(strsep(&value, " "), NULL, 10);
                state->result_seq = strtoull(value, NULL, 10);
        }
        return 0;
}

static int make_client(const char *kind, sd_event *loop, sd_bus **bus, State *state)
{
        int r;

        if (strncmp(kind, "bus", 3) != 0) {
                r = strcmp(kind, "user") == 0 ? cev_client_open_user(&state->client)
                                              : cev_client_open_system(&state->client);
                if (r >= 0 && strcmp(kind, "attached") == 0)
                        r = cev_client_attach_event(state->client, loop);
                return r;
        }
        r = sd_bus_open_system(bus);
        if (r >= 0 && strcmp(kind, "bus-attached") == 0)
                r = sd_bus_attach_event(*bus, loop, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? r : cev_client_new(*bus, &state->client);
}

static int start(State *state, char *words[])
{
        int r;

        r = cev_subscription_new(state->client, &state->s);
        for (; r >= 0 && *words; words++)
                r = set(state, *words);
        if (r < 0 || (r = cev_subscription_set_idle_handler(state->s, on_idle)) < 0 ||
            (r = cev_subscription_set_caught_up_handler(state->s, on_caught_up)) < 0 ||
            (r = cev_subscription_set_notice_handler(state->s, on_notice)) < 0 ||
            (r = cev_subscription_set_end_handler(state->s, on_end)) < 0)
                return r;
        r = cev_subscription_start(state->s, on_event, state);
        if (r >= 0 && cev_subscription_start(state->s, on_event, state) != -EBUSY)
                puts("started twice");
        if (r >= 0 && cev_subscription_set_since(state->s, 1) != -EBUSY)
                puts("changed after it began");
        return r;
}

static int run_by_poll(State *state)
{
        struct pollfd p = { .fd = cev_client_get_fd(state->client), .events = POLLIN };
        int r;

        do
                r = cev_client_run(state->client, 0);
        while (r > 0 && !state->ended);
        return r < 0 || state->ended ? r : poll(&p, 1, -1);
}

static int run(const char *kind, sd_event *loop, State *state)
{
        bool theirs = strcmp(kind, "attached") == 0 || strcmp(kind, "bus-attached") == 0;
        int r = 0;

        if (theirs && cev_client_run(state->client, 0) != -EBUSY)
                puts("ran a loop that is not its own");
        while (r >= 0 && !state->ended)
                r = theirs                    ? sd_event_run(loop, UINT64_MAX)
                    : strcmp(kind, "fd") == 0 ? run_by_poll(state)
                                              : cev_client_run(state->client, UINT64_MAX);
        return r;
}

int main(int argc, char *argv[])
{
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        const char *kind = argc > 1 ? argv[1] : "own";
        State state = {};
        int r;

        setvbuf(stdout, NULL, _IOLBF, 0);
        r = sd_event_new(&loop);
        if (r >= 0)
                r = make_client(kind, loop, &bus, &state);
        if (r >= 0)
                r = start(&state, argv + 2);
        if (r >= 0)
                r = run(kind, loop, &state);
        cev_subscription_unref(state.s);
        cev_client_unref(state.client);
        if (state.kept) /* it outlives both */
                printf("kept %" PRIu64 "\n", cev_event_get_seq(state.kept));
        cev_event_unref(state.kept);
        if (r < 0)
                printf("failed: %s\n", strerrorname_np(-r));
        return r < 0;
}
