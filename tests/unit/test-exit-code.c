/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "bus/exit-code.h"
#include "names.h"
#include "peers.h"
#include "sample.h"
#include "tap.h"

#define ID_A  "aaaaaaaaaaaa1111"
#define ID_A2 "aaaaaaaaaaaa2222"
#define ID_B  "bbbbbbbbbbbb3333"

/* ---- a call, and what is answered ---- */

typedef struct Call {
        const ExitCode *exit_code;
        char answer[512]; /* the code, or the last word of the error's name */
        char says[512];
} Call;

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const Call *call = userdata;

        if (!sd_bus_message_is_method_call(message, "a.b", "C"))
                return 0;
        must(exit_code_answer(call->exit_code, message) >= 0);
        return 1;
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);
        Call *call = userdata;
        int code;

        if (error) {
                snprintf(call->answer, sizeof(call->answer), "%s", strrchr(error->name, '.') + 1);
                snprintf(call->says, sizeof(call->says), "%s", error->message);
        } else {
                must(sd_bus_message_read(message, "i", &code) > 0);
                snprintf(call->answer, sizeof(call->answer), "%d", code);
                call->says[0] = '\0';
        }
        return 0;
}

static void ask(Peers *peers, Call *call, const ExitCode *exit_code)
{
        call->exit_code = exit_code;
        call->answer[0] = '\0';
        must(sd_bus_call_method_async(peers->client, NULL, NULL, "/", "a.b", "C", on_reply, call,
                                      NULL) >= 0);
        peers_run(peers);
}

/* ---- what is answered after which events ---- */

typedef struct Told {
        const char *status;
        const char *id; /* of the exec session, or of the container */
        int code;       /* -100: none */
        uint32_t uid;   /* of who says it */
} Told;

#define NONE (-100)

static const struct {
        const char *label;
        ExitCodeKind kind;
        const char *id;
        Told told[5];
        const char *answer, *says;
        const char *running; /* the ID of one that runs; "*": several do; NULL: none does */
} rows[] = {
        /* exec sessions: the first word counts */
        { "nothing is known", EXIT_CODE_EXEC, ID_A, {}, "NoSuchExec", ID_A },
        { "another is known",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_B, 1 } },
          "NoSuchExec",
          ID_A },
        { "it ended", EXIT_CODE_EXEC, ID_A, { { "exec_died", ID_A, 7 } }, "7", "" },
        { "with 0", EXIT_CODE_EXEC, ID_A, { { "exec_died", ID_A, 0 } }, "0", "" },
        { "with -1", EXIT_CODE_EXEC, ID_A, { { "exec_died", ID_A, -1 } }, "-1", "" },
        { "in Docker's word", EXIT_CODE_EXEC, ID_A, { { "exec_die", ID_A, 7 } }, "7", "" },
        { "it runs", EXIT_CODE_EXEC, ID_A, { { "exec", ID_A, NONE } }, "ExecRunning", ID_A },
        { "it began and ended",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec", ID_A, NONE }, { "exec_died", ID_A, 7 } },
          "7",
          "" },
        { "nobody said how",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, NONE } },
          "ExitCodeUnknown",
          ID_A },
        { "somebody said later",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, NONE }, { "exec_died", ID_A, 7 } },
          "7",
          "" },
        { "it is said twice",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, 7 }, { "exec_died", ID_A, 137 } },
          "7",
          "" },
        { "a container of that ID",
          EXIT_CODE_EXEC,
          ID_A,
          { { "died", ID_A, 7 } },
          "NoSuchExec",
          ID_A },
        /* what the sources say of those that run */
        { "it runs, and the history has not heard of it",
          EXIT_CODE_EXEC,
          ID_A,
          {},
          "ExecRunning",
          ID_A,
          .running = ID_A },
        { "it runs, and began",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec", ID_A, NONE } },
          "ExecRunning",
          ID_A,
          .running = ID_A },
        { "it runs, and has a code", /* which is the better word */
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, 7 } },
          "7",
          "",
          .running = ID_A },
        { "it ran, and ended without a code meanwhile",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, NONE } },
          "ExitCodeUnknown",
          ID_A,
          .running = ID_A },
        { "it runs, and another user says that it ended",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, 7, .uid = 123456 } },
          "ExecRunning",
          ID_A,
          .running = ID_A },
        { "it runs, and another user has some that start like it",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", ID_A2, 7, .uid = 123456 },
            { "exec_died", ID_A2 "0", 7, .uid = 123456 } },
          "ExecRunning",
          ID_A,
          .running = ID_A },
        { "a prefix of one that runs",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          {},
          "ExecRunning",
          ID_A,
          .running = ID_A },
        { "a prefix of one that runs and of one that ended",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", ID_A2, 7 } },
          "InvalidArgs",
          "more than one",
          .running = ID_A },
        { "a prefix of several that run",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          {},
          "InvalidArgs",
          "more than one",
          .running = "*" },
        { "too short a prefix of one that runs",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaa",
          {},
          "InvalidArgs",
          "too short",
          .running = ID_A },
        { "too short a prefix of several that run",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaa",
          {},
          "InvalidArgs",
          "too short",
          .running = "*" },
        { "a short ID of one that runs",
          EXIT_CODE_EXEC,
          "abc",
          {},
          "ExecRunning",
          "abc",
          .running = "abc" },
        { "one that ended, and whose ID is the start of one that runs",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", "aaaaaaaaaaaa", 7 } },
          "7",
          "",
          .running = ID_A },
        { "one that runs, and whose ID is the start of one that ended",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", ID_A, 7 } },
          "ExecRunning",
          "\"aaaaaaaaaaaa\"",
          .running = "aaaaaaaaaaaa" },
        { "a container is not looked for among exec sessions",
          EXIT_CODE_CONTAINER,
          ID_A,
          {},
          "NoSuchContainer",
          ID_A,
          .running = ID_A },
        /* containers: the last word counts */
        { "nothing is known", EXIT_CODE_CONTAINER, ID_A, {}, "NoSuchContainer", ID_A },
        { "it ended", EXIT_CODE_CONTAINER, ID_A, { { "died", ID_A, 7 } }, "7", "" },
        { "in Docker's word", EXIT_CODE_CONTAINER, ID_A, { { "die", ID_A, 7 } }, "7", "" },
        { "it runs",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "start", ID_A, NONE } },
          "ExitCodeUnknown",
          "not ended" },
        { "nobody said how",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, NONE } },
          "ExitCodeUnknown",
          "nobody said" },
        { "it ended twice",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 7 }, { "start", ID_A, NONE }, { "died", ID_A, 8 } },
          "8",
          "" },
        { "an exec session in it ended",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 7 }, { "exec_died", ID_A, 9 } },
          "7",
          "" },
        { "it was removed",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 7 }, { "remove", ID_A, NONE } },
          "7",
          "" },
        { "removing says it again",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 7 }, { "remove", ID_A, 9 } },
          "7",
          "" },
        { "only removing says it",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, NONE }, { "remove", ID_A, 9 } },
          "9",
          "" },
        { "removed, and nothing else is known",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "remove", ID_A, NONE } },
          "ExitCodeUnknown",
          ID_A },
        /* prefixes */
        { "a prefix", EXIT_CODE_EXEC, "aaaaaaaaaaaa", { { "exec_died", ID_A, 7 } }, "7", "" },
        { "of more than one",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", ID_A, 7 }, { "exec_died", ID_A2, 8 } },
          "InvalidArgs",
          "aaaaaaaaaaaa" },
        { "of more than one, and the first again",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", ID_A, 7 }, { "exec", ID_A2, NONE }, { "exec_died", ID_A, 7 } },
          "InvalidArgs",
          "aaaaaaaaaaaa" },
        { "of another",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa2",
          { { "exec_died", ID_A, 7 } },
          "NoSuchExec",
          "aaaaaaaaaaaa2" },
        { "too short a one",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaa",
          { { "exec_died", ID_A, 7 } },
          "InvalidArgs",
          "aaaaaaaaaaa" },
        { "a short ID that is a whole one",
          EXIT_CODE_EXEC,
          "abc",
          { { "exec_died", "abc", 7 } },
          "7",
          "" },
        { "a whole ID that is the start of another",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", "aaaaaaaaaaaa", 7 }, { "exec_died", ID_A, 8 } },
          "7",
          "" },
        { "the other way round",
          EXIT_CODE_EXEC,
          "aaaaaaaaaaaa",
          { { "exec_died", ID_A, 8 }, { "exec_died", "aaaaaaaaaaaa", 7 } },
          "7",
          "" },
        { "a prefix of a container",
          EXIT_CODE_CONTAINER,
          "aaaaaaaaaaaa",
          { { "died", ID_A, 7 } },
          "7",
          "" },
        { "of two containers",
          EXIT_CODE_CONTAINER,
          "aaaaaaaaaaaa",
          { { "died", ID_A, 7 }, { "create", ID_A2, NONE } },
          "InvalidArgs",
          "aaaaaaaaaaaa" },
        /* whose word counts */
        { "a user says it of one of root's that runs",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "start", ID_A, NONE }, { "died", ID_A, 7, 1000 } },
          "ExitCodeUnknown",
          "not ended" },
        { "a user says it of one of root's that ended",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 7 }, { "died", ID_A, 0, 1000 } },
          "7",
          "" },
        { "a user says it before root",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 0, 1000 }, { "start", ID_A, NONE } },
          "ExitCodeUnknown",
          "not ended" },
        { "a user says it of an exec session before root",
          EXIT_CODE_EXEC,
          ID_A,
          { { "exec_died", ID_A, 0, 1000 }, { "exec_died", ID_A, 7 } },
          "7",
          "" },
        { "a user's own",
          EXIT_CODE_CONTAINER,
          ID_A,
          { { "died", ID_A, 7, 1000 }, { "died", ID_A, 0, 1001 } },
          "7",
          "" },
        { "a user takes the start of the ID of one of root's",
          EXIT_CODE_CONTAINER,
          "aaaaaaaaaaaa",
          { { "died", ID_A, 7 }, { "died", ID_A2, 0, 1000 } },
          "7",
          "" },
};

static void tell(ExitCode *exit_code, const Told *told)
{
        bool exec = strncmp(told->status, "exec", 4) == 0;
        const EventFields fields = {
                .type = "container",
                .status = told->status,
                .id = exec ? "cccccccccccc" : told->id,
                .exec_id = exec ? told->id : NULL,
                .exit_code = told->code,
                .has_exit_code = told->code != NONE,
                .uid = told->uid,
                .has_uid = told->uid != 0,
        };
        _cleanup_event_ Event *event = event_of(&fields);

        must(exit_code_look_at(exit_code, event_fields(event)) >= 0);
}

/* The sources. */
static int exec_running(const char *id, char **ret_full_id, void *userdata)
{
        const char *running = userdata;

        if (!running || (strcmp(running, "*") != 0 && strncmp(running, id, strlen(id)) != 0))
                return 0;
        if (strcmp(running, "*") == 0)
                return -ENOTUNIQ;
        *ret_full_id = strdup(running);
        must(*ret_full_id);
        return 1;
}

static void test_what_is_answered(void)
{
        _cleanup_peers_ Peers peers = peers_new();
        Call call = {};

        must(sd_bus_add_filter(peers.service, NULL, on_call, &call) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const BusHost host = { .exec_running = exec_running,
                                       .userdata = (void *)(uintptr_t)rows[i].running };
                ExitCode *exit_code;

                must(exit_code_new(rows[i].kind, rows[i].id, &exit_code) == 0);
                must(exit_code_ask_running(exit_code, &host) == 0);
                for (size_t k = 0; k < ELEMENTSOF(rows[i].told) && rows[i].told[k].status; k++)
                        tell(exit_code, rows[i].told + k);
                ask(&peers, &call, exit_code);
                tap_eq_str(call.answer, rows[i].answer, "%s: %s",
                           rows[i].kind == EXIT_CODE_EXEC ? "exec" : "container", rows[i].label);
                tap_ok(strstr(call.says, rows[i].says), "says so: %s", call.says);
                exit_code_free(exit_code);
        }
}

static void test_other_types_mean_nothing(void)
{
        const EventFields fields = { .type = "pod",
                                     .status = "died",
                                     .id = ID_A,
                                     .exec_id = ID_A,
                                     .exit_code = 7,
                                     .has_exit_code = true };
        _cleanup_event_ Event *event = event_of(&fields);
        _cleanup_peers_ Peers peers = peers_new();
        ExitCode *exit_code;
        Call call = {};

        must(sd_bus_add_filter(peers.service, NULL, on_call, &call) >= 0);
        must(exit_code_new(EXIT_CODE_CONTAINER, ID_A, &exit_code) == 0);
        tap_eq_int(exit_code_look_at(exit_code, event_fields(event)), 0, "a pod");
        ask(&peers, &call, exit_code);
        tap_eq_str(call.answer, "NoSuchContainer", "is no container");
        exit_code_free(exit_code);
}

static void test_which_events_may_tell(void)
{
        static const struct {
                EventFields fields;
                bool may;
        } asked[] = {
                { { .type = "container", .status = "exec", .exec_id = ID_A }, true },
                { { .type = "container", .status = "exec", .exec_id = ID_A2 }, false },
                { { .type = "container", .status = "died", .id = ID_A }, false },
        };
        ExitCode *exit_code;

        must(exit_code_new(EXIT_CODE_EXEC, ID_A, &exit_code) == 0);
        for (size_t i = 0; i < ELEMENTSOF(asked); i++) {
                _cleanup_event_ Event *event = event_of(&asked[i].fields);

                tap_ok(filter_matches(exit_code_filter(exit_code), event_fields(event)) ==
                               asked[i].may,
                       "event %zu", i);
        }
        tap_ok(!exit_code_free(exit_code), "it is let go");
        tap_ok(!exit_code_free(NULL), "there need not be one");
}

/* Nothing that a caller sends makes an answer that is none. */
static void test_a_very_long_id(void)
{
        _cleanup_free_ char *id = repeated('\xc3', 5001);
        _cleanup_peers_ Peers peers = peers_new();
        ExitCode *exit_code;
        Call call = {};

        for (size_t i = 1; i < 5000; i += 2)
                id[i] = '\xa4';
        id[4998] = '\0';
        must(sd_bus_add_filter(peers.service, NULL, on_call, &call) >= 0);
        for (size_t shift = 0; shift < 2; shift++) {
                _cleanup_free_ char *shifted = NULL;

                must(asprintf(&shifted, "%s%s", shift ? "x" : "", id) > 0);
                must(exit_code_new(EXIT_CODE_EXEC, shifted, &exit_code) == 0);
                ask(&peers, &call, exit_code);
                tap_eq_str(call.answer, "NoSuchExec", "is answered");
                exit_code_free(exit_code);
        }
}

static void end(ExitCode *exit_code, int code, uint64_t msec, bool backlog)
{
        const EventFields fields = {
                .type = "container",
                .status = "died",
                .id = ID_A,
                .exit_code = code,
                .has_exit_code = true,
                .time_nsec = msec * 1000000,
                .backlog = backlog,
        };
        _cleanup_event_ Event *event = event_of(&fields);

        must(exit_code_look_at(exit_code, event_fields(event)) >= 0);
}

/* Time counts for what came from another history alone: clocks are set back. */
static void test_what_came_late(void)
{
        static const struct {
                uint64_t msec;
                bool backlog;
                const char *answer;
        } steps[] = {
                { 50, true, "0" },  { 60, true, "1" },  { 55, true, "1" }, { 60, true, "3" },
                { 90, false, "4" }, { 80, false, "5" }, { 70, true, "5" }, { 85, true, "7" },
                { 10, false, "8" }, { 11, true, "9" },
        };
        _cleanup_peers_ Peers peers = peers_new();
        Call call = {};
        ExitCode *exit_code;

        must(sd_bus_add_filter(peers.service, NULL, on_call, &call) >= 0);
        must(exit_code_new(EXIT_CODE_CONTAINER, ID_A, &exit_code) == 0);
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                end(exit_code, (int)i, steps[i].msec, steps[i].backlog);
                ask(&peers, &call, exit_code);
                tap_eq_str(call.answer, steps[i].answer, "a death at %" PRIu64 ", %s",
                           steps[i].msec, steps[i].backlog ? "from elsewhere" : "live");
        }
        exit_code_free(exit_code);
}

int main(void)
{
        test_what_came_late();
        test_what_is_answered();
        test_other_types_mean_nothing();
        test_which_events_may_tell();
        test_a_very_long_id();
        return tap_done();
}
