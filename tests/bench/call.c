/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-call ROUNDS SECONDS WHAT DESTINATION FILE [WHAT DESTINATION FILE]
 *
 * Calls the service, or the peer, again and again, and prints how long the calls took, as JSON.
 * With two things to call they take turns, call by call, so that both meet the same machine. WHAT
 * is "ping", "query" or "exec"; a round is what one line of FILE says, with the answer that it must
 * get:
 *
 *   query   SINCE TAB UNTIL TAB EVENTS [TAB FILTER]...     all pages of it
 *   exec    ID TAB EXIT_CODE
 *   ping    (anything)
 *
 * Lines are taken in turn, once untimed to make all warm, then for so many rounds or seconds,
 * whatever ends first, but once at least. Only the calls are timed, not what is done with replies.
 */
#include "samples.h"
#include "service.h"

#define FIELDS_MAX 8
/* How much of its time it may spend on getting warm. */
#define WARM_SHARE 3

typedef struct Caller Caller;

struct Caller {
        sd_bus *bus;
        const char *destination;
        /* One round; returns how long it took. */
        uint64_t (*call)(Caller *caller, char *const *fields, unsigned n_fields);
        uint64_t n_pages, n_events, n_wrong;
        char wrong[256]; /* the first that was */
};

static void check(Caller *caller, const char *what, int64_t got, int64_t want)
{
        if (got == want)
                return;
        if (caller->n_wrong++ == 0)
                snprintf(caller->wrong, sizeof(caller->wrong), "%.100s: %" PRId64 " for %" PRId64,
                         what, got, want);
}

static uint64_t call_ping(Caller *caller, char *const *fields, unsigned n_fields)
{
        sd_bus_message *call = NULL;
        uint64_t nsec;

        try(sd_bus_message_new_method_call(caller->bus, &call, caller->destination, CE_OBJECT_PATH,
                                           "org.freedesktop.DBus.Peer", "Ping"),
            "Ping");
        sd_bus_message_unref(call_timed(caller->bus, call, &nsec));
        return nsec;
}

static uint64_t call_exec(Caller *caller, char *const *fields, unsigned n_fields)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        sd_bus_message *call = call_new(caller->bus, caller->destination, "ExecExitCode");
        uint64_t nsec;
        int32_t code;

        if (n_fields != 2)
                die("no ID and exit code");
        try(sd_bus_message_append(call, "s", fields[0]), "ExecExitCode");
        reply = call_timed(caller->bus, call, &nsec);
        try(sd_bus_message_read(reply, "i", &code), "ExecExitCode");
        check(caller, fields[0], code, (int64_t)number_of(fields[1]));
        return nsec;
}

static int append_filters(sd_bus_message *call, char *const *filters, unsigned n)
{
        try(sd_bus_message_open_container(call, 'a', "s"), "filters");
        for (unsigned i = 0; i < n; i++)
                try(sd_bus_message_append_basic(call, 's', filters[i]), "filters");
        return sd_bus_message_close_container(call);
}

static uint64_t count_events(sd_bus_message *reply)
{
        uint64_t n = 0;

        try(sd_bus_message_enter_container(reply, 'a', CE_EVENT_SIGNATURE), "a page");
        while (try(sd_bus_message_at_end(reply, false), "a page") == 0) {
                try(sd_bus_message_skip(reply, CE_EVENT_SIGNATURE), "a page");
                n++;
        }
        try(sd_bus_message_exit_container(reply), "a page");
        return n;
}

static uint64_t call_query(Caller *caller, char *const *fields, unsigned n_fields)
{
        uint64_t nsec, sum = 0, n = 0, until;
        char cursor[128] = "";
        int more = 1;

        if (n_fields < 3)
                die("no range and count");
        until = number_of(fields[1]);
        while (more) {
                _cleanup_message_ sd_bus_message *reply = NULL;
                sd_bus_message *call = call_new(caller->bus, caller->destination,
                                                *cursor ? "QueryAfter" : "Query");
                const char *text;

                if (*cursor)
                        try(sd_bus_message_append(call, "st", cursor, until), "QueryAfter");
                else
                        try(sd_bus_message_append(call, "tt", number_of(fields[0]), until),
                            "Query");
                try(append_filters(call, fields + 3, n_fields - 3), "filters");
                reply = call_timed(caller->bus, call, &nsec);
                sum += nsec;
                n += count_events(reply);
                try(sd_bus_message_read(reply, "sb", &text, &more), "a page");
                snprintf(cursor, sizeof(cursor), "%s", text);
                caller->n_pages++;
        }
        caller->n_events += n;
        check(caller, fields[n_fields - 1], (int64_t)n, (int64_t)number_of(fields[2]));
        return sum;
}

/* ---- rounds ---- */

typedef struct Plan {
        char **lines; /* owned */
        size_t n;
} Plan;

static Plan plan_read(const char *path)
{
        FILE *file = fopen(path, "re");
        char *line = NULL;
        size_t size = 0;
        ssize_t length;
        Plan plan = {};

        need(file, path);
        while ((length = getline(&line, &size, file)) > 0) {
                line[length - 1] = '\0'; /* the end of the line */
                plan.lines = reallocarray(plan.lines, plan.n + 1, sizeof(char *));
                need(plan.lines, "memory");
                plan.lines[plan.n++] = line;
                line = NULL;
        }
        free(line);
        fclose(file);
        if (plan.n == 0)
                die("%s: there is nothing in it", path);
        return plan;
}

static uint64_t play(Caller *caller, const char *line)
{
        char copy[2048], *fields[FIELDS_MAX], *rest = copy;
        unsigned n = 0;

        snprintf(copy, sizeof(copy), "%s", line);
        while (rest && n < FIELDS_MAX)
                fields[n++] = strsep(&rest, "\t");
        return caller->call(caller, fields, n);
}

/* ---- one or two that take turns ---- */

typedef struct Side {
        Caller caller;
        Plan plan;
        Samples samples;
} Side;

static void side_init(Side *side, sd_bus *bus, char *const *words)
{
        *side = (Side){ .caller.bus = bus, .caller.destination = words[1] };
        side->caller.call = strcmp(words[0], "ping") == 0    ? call_ping
                            : strcmp(words[0], "query") == 0 ? call_query
                            : strcmp(words[0], "exec") == 0  ? call_exec
                                                             : NULL;
        if (!side->caller.call)
                die("\"%s\" is nothing that can be called", words[0]);
        side->plan = plan_read(words[2]);
}

static void side_warm(Side *side, uint64_t nsec)
{
        uint64_t start = now_nsec();

        for (size_t i = 0; i < side->plan.n && now_nsec() - start < nsec; i++)
                play(&side->caller, side->plan.lines[i]);
        side->caller.n_pages = side->caller.n_events = 0;
}

static void side_print(Side *side)
{
        printf("{\"pages\":%" PRIu64 ",\"events\":%" PRIu64 ",\"wrong\":%" PRIu64
               ",\"first_wrong\":\"%s\",",
               side->caller.n_pages, side->caller.n_events, side->caller.n_wrong,
               side->caller.wrong);
        samples_print(&side->samples);
        printf("}");
        for (size_t i = 0; i < side->plan.n; i++)
                free(side->plan.lines[i]);
        free(side->plan.lines);
}

int main(int argc, char *argv[])
{
        _cleanup_bus_ sd_bus *bus = bus_open();
        unsigned n_sides = argc == 6 ? 1 : 2;
        uint64_t rounds, nsec, start;
        Side sides[2];

        if (argc != 6 && argc != 9)
                die("bench-call ROUNDS SECONDS WHAT DESTINATION FILE [WHAT DESTINATION FILE]");
        rounds = number_of(argv[1]);
        nsec = number_of(argv[2]) * NSEC_PER_SEC;
        for (unsigned s = 0; s < n_sides; s++) {
                side_init(sides + s, bus, argv + 3 + 3 * s);
                side_warm(sides + s, nsec / WARM_SHARE);
        }

        start = now_nsec();
        for (uint64_t i = 0; i < rounds && (i == 0 || now_nsec() - start < nsec); i++)
                for (unsigned s = 0; s < n_sides; s++)
                        samples_add(
                                &sides[s].samples,
                                play(&sides[s].caller, sides[s].plan.lines[i % sides[s].plan.n]));

        printf("{\"sides\":[");
        for (unsigned s = 0; s < n_sides; s++) {
                printf("%s", s > 0 ? "," : "");
                side_print(sides + s);
        }
        printf("]}\n");
        return EXIT_SUCCESS;
}
