/* SPDX-License-Identifier: Apache-2.0 */

/* Calls libcontainers-events as its arguments say, and prints what it gets; for test_library.py. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <containers-events.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Prints an error as "-ESRCH: sentence". */
static int fail(int r, const sd_bus_error *error)
{
        printf("-%s: %s\n", strerrorname_np(-r), error && error->message ? error->message : "");
        return 1;
}

static int print_json(const cev_event *e)
{
        char *json;
        int r = cev_event_to_json(e, &json);

        if (r < 0)
                return fail(r, NULL);
        puts(json);
        free(json);
        return 0;
}

/* What begins with "cursor ", "since " or "until " is that, all else is a filter. */
static int choose(cev_query *q, const char *word)
{
        if (strncmp(word, "cursor ", 7) == 0)
                return cev_query_set_cursor(q, word + 7);
        if (strncmp(word, "since ", 6) == 0)
                return cev_query_set_since(q, strtoull(word + 6, NULL, 10));
        if (strncmp(word, "until ", 6) == 0)
                return cev_query_set_until(q, strtoull(word + 6, NULL, 10));
        return cev_query_add_filter(q, word);
}

static int query(cev_client *c, char *words[])
{
        _cleanup_(cev_query_unrefp) cev_query *q = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *cursor;
        int r;

        r = cev_query_new(c, &q);
        for (; r >= 0 && *words; words++)
                r = choose(q, *words);
        if (r < 0)
                return fail(r, NULL);
        for (;;) {
                _cleanup_(cev_event_unrefp) cev_event *e = NULL;

                r = cev_query_next(q, &e, &error);
                if (r < 0)
                        return fail(r, &error);
                if (r == 0)
                        break;
                if (cev_query_get_cursor(q, &cursor) < 0 ||
                    strcmp(cursor, cev_event_get_cursor(e)) != 0)
                        puts("not the cursor of the event");
                print_json(e);
        }
        if (cev_query_add_filter(q, "type=pod") != -EBUSY)
                puts("changed after it began");
        r = cev_query_get_cursor(q, &cursor);
        return r < 0 ? fail(r, NULL) : printf("end %s\n", cursor) < 0;
}

static const char *or_dash(const char *text)
{
        return text ? text : "-";
}

/* All that an event can be asked for, but its labels, which follow. */
static int print_getters(const cev_event *e)
{
        const char *key, *value;
        int code = -1;
        uid_t uid = 0;

        printf("%s %s %s %s %s %s %" PRIu64 " %" PRIu64 "\n", cev_event_get_type(e),
               cev_event_get_status(e), cev_event_get_id(e), cev_event_get_name(e),
               cev_event_get_image(e), cev_event_get_engine(e), cev_event_get_time_nsec(e),
               cev_event_get_seq(e));
        printf("%s %s %s %s %s %s %s\n", or_dash(cev_event_get_exec_id(e)),
               or_dash(cev_event_get_pod_id(e)), or_dash(cev_event_get_network(e)),
               or_dash(cev_event_get_health_status(e)), or_dash(cev_event_get_error(e)),
               or_dash(cev_event_get_reason(e)), or_dash(cev_event_get_evidence(e)));
        printf("%d", cev_event_get_exit_code(e, &code));
        printf(" %d %d", code, cev_event_get_uid(e, &uid));
        printf(" %u", uid);
        printf(" %d%d%d%d%d", cev_event_is_oom_killed(e), cev_event_is_synthetic(e),
               cev_event_is_backlog(e), cev_event_is_truncated(e), cev_event_is_unrecorded(e));
        printf(" %s %s\n", or_dash(cev_event_get_detail(e, "colour")),
               or_dash(cev_event_get_detail(e, "exit_code")));
        for (size_t i = 0; cev_event_get_label_at(e, i, &key, &value) >= 0; i++)
                printf("%s=%s %d\n", key, value, cev_event_get_label(e, key) == value);
        printf("%s\n", or_dash(cev_event_get_label(e, "no such label")));
        return 0;
}

static int event(cev_client *c, const char *seq, bool getters)
{
        _cleanup_(cev_event_unrefp) cev_event *e = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = cev_get_event(c, strtoull(seq, NULL, 10), &e, &error);
        if (r < 0)
                return fail(r, &error);
        return getters ? print_getters(e) : print_json(e);
}

static int cursor(cev_client *c)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        char *text;
        int r;

        r = cev_get_cursor(c, &text, &error);
        if (r < 0)
                return fail(r, &error);
        puts(text);
        free(text);
        return 0;
}

static int exit_code(cev_client *c, const char *kind, const char *id)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int code = 0, r;

        r = strcmp(kind, "exec") == 0 ? cev_exec_exit_code(c, id, &code, &error)
                                      : cev_container_exit_code(c, id, &code, &error);
        return r < 0 ? fail(r, &error) : printf("%d\n", code) < 0;
}

static void on_exit_code(cev_exec_wait *w, int result, int code, const sd_bus_error *error,
                         void *userdata)
{
        bool *ended = userdata;

        *ended = true;
        if (result < 0)
                fail(result, error);
        else
                printf("%d\n", code);
}

static int wait_for(cev_client *c, const char *id, const char *timeout)
{
        _cleanup_(cev_exec_wait_unrefp) cev_exec_wait *w = NULL;
        bool ended = false;
        int r;

        r = cev_exec_wait_new(c, id, strtoull(timeout, NULL, 10), on_exit_code, &ended, &w);
        while (r >= 0 && !ended)
                r = cev_client_run(c, UINT64_MAX);
        return r < 0 ? fail(r, NULL) : 0;
}

/* TYPE STATUS NAME [EXIT-CODE [KEY=VALUE...]], all of them a detail and a label. */
static int emit(cev_client *c, int n, char *words[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *pairs[32] = {};
        int code = n > 3 ? (int)strtol(words[3], NULL, 10) : 0;
        cev_emission emission = {
                .type = words[0],
                .status = words[1],
                .name = words[2],
                .engine = "hook",
                .details = pairs,
                .labels = pairs,
                .exit_code = n > 3 ? &code : NULL,
        };
        uint64_t seq;
        int r;

        for (int i = 4; i < n && i < 16; i++) {
                pairs[2 * (i - 4)] = strsep(&words[i], "=");
                pairs[2 * (i - 4) + 1] = words[i];
        }
        r = cev_emit(c, &emission, &seq, &error);
        return r < 0 ? fail(r, &error) : printf("%" PRIu64 "\n", seq) < 0;
}

int main(int argc, char *argv[])
{
        _cleanup_(cev_client_unrefp) cev_client *c = NULL;
        const char *what = argc > 1 ? argv[1] : "";
        int r;

        setvbuf(stdout, NULL, _IOLBF, 0);
        r = cev_client_open_system(&c);
        if (r < 0)
                return fail(r, NULL);
        if (strcmp(what, "query") == 0)
                return query(c, argv + 2);
        if (strcmp(what, "event") == 0 && argc == 3)
                return event(c, argv[2], false);
        if (strcmp(what, "getters") == 0 && argc == 3)
                return event(c, argv[2], true);
        if (strcmp(what, "cursor") == 0)
                return cursor(c);
        if (strcmp(what, "wait") == 0 && argc == 4)
                return wait_for(c, argv[2], argv[3]);
        if (strcmp(what, "emit") == 0 && argc >= 5)
                return emit(c, argc - 2, argv + 2);
        return argc == 3 ? exit_code(c, what, argv[2]) : 2;
}
