/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Prints what happens to containers, an event a line, and goes on where it stopped when it is
 * started again: every event once, in order and without a hole, over restarts of the service, of
 * the bus and of this program.
 *
 *     cc subscriber.c -o subscriber $(pkg-config --cflags --libs containers-events)
 *     ./subscriber CURSOR-FILE [FILTER...]
 *     ./subscriber /var/lib/my-program/cursor type=container event=died
 *
 * The cursor is stored after what it stands for was printed, never before. So if this program is
 * killed in between, some events are printed again; none is left out.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <containers-events.h>

typedef struct State {
        const char *file;
        bool ended;
        int result;
} State;

/* 0: there is none yet. */
static int read_cursor(const char *file, char *cursor, size_t size)
{
        FILE *f = fopen(file, "re");

        if (!f)
                return errno == ENOENT ? 0 : -errno;
        if (!fgets(cursor, (int)size, f))
                cursor[0] = '\0';
        fclose(f);
        cursor[strcspn(cursor, "\n")] = '\0';
        return cursor[0] ? 1 : 0;
}

/* Beside the old one first: a crash leaves the old cursor or the new one. */
static int write_cursor(const char *file, const char *cursor)
{
        char beside[4096];
        FILE *f;
        bool good;

        if (snprintf(beside, sizeof(beside), "%s.new", file) >= (int)sizeof(beside))
                return -ENAMETOOLONG;
        f = fopen(beside, "we");
        if (!f)
                return -errno;
        good = fprintf(f, "%s\n", cursor) > 0 && fflush(f) == 0 && fsync(fileno(f)) == 0;
        if (fclose(f) != 0 || !good)
                return -EIO;
        return rename(beside, file) < 0 ? -errno : 0;
}

static int on_event(cev_subscription *s, cev_event *e, void *userdata)
{
        int code;

        /* Names are the words of whoever made the container: for a terminal, escape them. */
        printf("%" PRIu64 " %s %s %s", cev_event_get_seq(e), cev_event_get_type(e),
               cev_event_get_status(e), cev_event_get_name(e));
        if (cev_event_get_exit_code(e, &code) >= 0)
                printf(" %d", code);
        return putchar('\n') == EOF ? -EIO : 0;
}

static int on_idle(cev_subscription *s, void *userdata)
{
        State *state = userdata;
        const char *cursor;
        int r;

        if (fflush(stdout) != 0)
                return -errno;
        if (cev_subscription_get_cursor(s, &cursor) < 0)
                return 0;
        r = write_cursor(state->file, cursor);
        if (r < 0)
                fprintf(stderr, "The cursor cannot be kept in %s.\n", state->file);
        return r;
}

static void on_notice(cev_subscription *s, cev_notice notice, const char *text, void *userdata)
{
        if (notice == CEV_NOTICE_EXPIRED)
                fprintf(stderr, "Part of the history is gone: %s\n", text);
        else if (notice == CEV_NOTICE_TROUBLE)
                fprintf(stderr, "Waiting: %s\n", text);
        else
                fprintf(stderr, "containers-eventsd is %s.\n",
                        notice == CEV_NOTICE_ABSENT ? "not there" : "back");
}

static void on_end(cev_subscription *s, int result, const sd_bus_error *error, void *userdata)
{
        State *state = userdata;

        state->ended = true;
        state->result = result;
        if (result < 0)
                fprintf(stderr, "%s\n", error->message ? error->message : strerror(-result));
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        State *state = userdata;

        state->ended = true;
        return 0;
}

static int subscribe(cev_client *client, State *state, char *filters[], cev_subscription **ret)
{
        __attribute__((cleanup(cev_subscription_unrefp))) cev_subscription *s = NULL;
        char cursor[4096];
        int r, known;

        known = read_cursor(state->file, cursor, sizeof(cursor));
        if (known < 0)
                return known;
        r = cev_subscription_new(client, &s);
        if (r >= 0 && known)
                r = cev_subscription_set_cursor(s, cursor);
        for (char **filter = filters; r >= 0 && *filter; filter++)
                r = cev_subscription_add_filter(s, *filter);
        if (r >= 0)
                r = cev_subscription_set_idle_handler(s, on_idle);
        if (r >= 0)
                r = cev_subscription_set_notice_handler(s, on_notice);
        if (r >= 0)
                r = cev_subscription_set_end_handler(s, on_end);
        if (r >= 0)
                r = cev_subscription_start(s, on_event, state);
        if (r < 0)
                return r;
        *ret = s;
        s = NULL;
        return 0;
}

/* SIGTERM and SIGINT end the loop, after what is under way. */
static int catch_signals(cev_client *client, State *state)
{
        sd_event *loop = cev_client_get_event(client);
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(loop, NULL, SIGTERM, on_signal, state);
        return r < 0 ? r : sd_event_add_signal(loop, NULL, SIGINT, on_signal, state);
}

int main(int argc, char *argv[])
{
        __attribute__((cleanup(cev_client_unrefp))) cev_client *client = NULL;
        __attribute__((cleanup(cev_subscription_unrefp))) cev_subscription *s = NULL;
        State state = { .file = argv[1] };
        int r;

        if (argc < 2) {
                fprintf(stderr, "Usage: %s CURSOR-FILE [FILTER...]\n", argv[0]);
                return 2;
        }
        r = cev_client_open_system(&client);
        if (r >= 0)
                r = catch_signals(client, &state);
        if (r >= 0)
                r = subscribe(client, &state, argv + 2, &s);
        if (r < 0) {
                fprintf(stderr, "%s\n", strerror(-r));
                return 1;
        }
        while (r >= 0 && !state.ended)
                r = cev_client_run(client, UINT64_MAX);
        if (r >= 0 && state.result >= 0)
                r = on_idle(s, &state);
        return r < 0 || state.result < 0;
}
