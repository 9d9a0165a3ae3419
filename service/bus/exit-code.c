/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/exit-code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/timestamp.h"
#include "model/vocabulary.h"
#include "names.h"

struct ExitCode {
        ExitCodeKind kind;
        char *id;       /* owned: what was asked for */
        Filter *filter; /* owned: events that may tell; NULL: there can be none */
        char *full_id;  /* owned: whose ID that is, by the history; NULL: nobody's yet */
        uint32_t uid;   /* of whoever told of that */
        bool ambiguous;
        char *running; /* owned: whose ID that is, of those that run; or NULL */
        bool several_run;
        bool ended;
        bool known;
        int code;
        uint64_t time_msec; /* of the ending */
};

/* What is no value of a filter, being too long, is no ID that any event has either. */
static int make_filter(ExitCode *exit_code)
{
        const char *key = exit_code->kind == EXIT_CODE_EXEC ? "exec" : "id";
        char message[FILTER_MESSAGE_SIZE];
        _cleanup_free_ char *term = NULL;
        int r;

        if (asprintf(&term, "%s=%s", key, exit_code->id) < 0) {
                term = NULL;
                return -ENOMEM;
        }
        r = filter_new((const char *const[]){ term, NULL }, &exit_code->filter, message);
        return r == -EINVAL ? 0 : r;
}

int exit_code_check_id(const char *id, sd_bus_error *error)
{
        if (*id != '\0')
                return 0;
        return sd_bus_error_set(error, CE_ERROR_INVALID_ARGS,
                                "The ID \"\" is empty: give the ID whose exit code you want.");
}

int exit_code_new(ExitCodeKind kind, const char *id, ExitCode **ret)
{
        _cleanup_(exit_code_freep) ExitCode *exit_code = NULL;
        int r;

        exit_code = calloc(1, sizeof(ExitCode));
        if (!exit_code)
                return -ENOMEM;
        exit_code->kind = kind;
        exit_code->id = strdup(id);
        if (!exit_code->id)
                return -ENOMEM;
        r = make_filter(exit_code);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(exit_code);
        return 0;
}

ExitCode *exit_code_free(ExitCode *exit_code)
{
        if (!exit_code)
                return NULL;

        filter_free(exit_code->filter);
        free(exit_code->id);
        free(exit_code->full_id);
        free(exit_code->running);
        free(exit_code);
        return NULL;
}

/* Whether the ID is what was asked for. */
static bool fits(const ExitCode *exit_code, const char *id)
{
        size_t n = strlen(exit_code->id);

        return strcmp(id, exit_code->id) == 0 ||
               (n >= ID_PREFIX_MIN && strncmp(id, exit_code->id, n) == 0);
}

int exit_code_ask_running(ExitCode *exit_code, const BusHost *host)
{
        _cleanup_free_ char *full_id = NULL;
        int r;

        if (exit_code->kind != EXIT_CODE_EXEC || !host->exec_running)
                return 0;
        r = host->exec_running(exit_code->id, &full_id, host->userdata);
        if (r == -ENOTUNIQ) {
                exit_code->several_run = strlen(exit_code->id) >= ID_PREFIX_MIN;
                return 0;
        }
        if (r <= 0)
                return r;

        if (fits(exit_code, full_id)) {
                free(exit_code->running);
                exit_code->running = TAKE_PTR(full_id);
        }
        return 0;
}

const char *exit_code_running(const ExitCode *exit_code)
{
        return exit_code->running;
}

const Filter *exit_code_filter(const ExitCode *exit_code)
{
        return exit_code->filter;
}

/* Any user can log that a container of root's died: root's word counts before that of others, and
 * among those that of who spoke first. */
static bool may_tell(ExitCode *exit_code, const EventFields *event)
{
        uint32_t uid = event->has_uid ? event->uid : 0;

        if (exit_code->full_id && uid != exit_code->uid) {
                if (uid != 0)
                        return false;
                free(TAKE_PTR(exit_code->full_id));
                exit_code->ambiguous = exit_code->ended = exit_code->known = false;
        }
        exit_code->uid = uid;
        return true;
}

/* Whether the event is about what was asked for. Returns -ENOMEM. */
static int concerns(ExitCode *exit_code, const char *id, const EventFields *event)
{
        bool exact = id && strcmp(id, exit_code->id) == 0;
        char *copy;

        if (!id || !fits(exit_code, id) || !may_tell(exit_code, event))
                return 0;
        if (exit_code->full_id && strcmp(exit_code->full_id, id) == 0)
                return 1;
        if (exit_code->full_id && strcmp(exit_code->full_id, exit_code->id) == 0)
                return 0; /* the whole ID is known: this one only starts like it */

        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        exit_code->ambiguous = exit_code->full_id && !exact;
        exit_code->ended = exit_code->known = false;
        free(exit_code->full_id);
        exit_code->full_id = copy;
        return 1;
}

static void set_code(ExitCode *exit_code, const EventFields *event)
{
        exit_code->ended = true;
        exit_code->known = event->has_exit_code;
        exit_code->code = event->exit_code;
        exit_code->time_msec = event->time_nsec / NSEC_PER_MSEC;
}

/* What came from another history came late: it may have happened before what is known. */
static bool is_overtaken(const ExitCode *exit_code, const EventFields *event)
{
        return event->backlog && exit_code->ended &&
               event->time_nsec / NSEC_PER_MSEC < exit_code->time_msec;
}

int exit_code_look_at(ExitCode *exit_code, const EventFields *event)
{
        bool exec = exit_code->kind == EXIT_CODE_EXEC;
        const char *status = event_status_canonical(event->status);
        int r;

        if (strcmp(event->type, "container") != 0)
                return 0;
        r = concerns(exit_code, exec ? event->exec_id : event->id, event);
        if (r <= 0)
                return r;

        if (exec) {
                if (strcmp(status, "exec_died") == 0 && !exit_code->known)
                        set_code(exit_code, event);
        } else if (strcmp(status, "died") == 0) {
                if (!is_overtaken(exit_code, event))
                        set_code(exit_code, event);
        } else if (strcmp(status, "remove") == 0 && event->has_exit_code && !exit_code->known) {
                /* Podman says it again when it removes the container. */
                set_code(exit_code, event);
        }

        /* Of an exec session the first word counts, unless it is not root's. */
        return exec && exit_code->known && exit_code->uid == 0 &&
               strcmp(exit_code->full_id, exit_code->id) == 0;
}

/* ---- what it comes to ---- */

static bool is_same(const char *a, const char *b)
{
        return a && b && strcmp(a, b) == 0;
}

/* Whose ID that is, by what counts of the history: not what other users say where our sources see
 * it run. */
static const char *told_id(const ExitCode *exit_code)
{
        bool trusted = exit_code->uid == 0 || exit_code->uid == getuid();

        return exit_code->running && !trusted ? NULL : exit_code->full_id;
}

/* An end in the history is the last word: what was asked about before may have ended since. */
ExitCodeState exit_code_state(const ExitCode *exit_code)
{
        const char *id = exit_code->id, *full_id = told_id(exit_code);
        const char *running = exit_code->running;
        bool both = full_id && running;

        if (!is_same(full_id, id)) {
                if (is_same(running, id))
                        return EXIT_CODE_RUNNING;
                if ((full_id && exit_code->ambiguous) || exit_code->several_run ||
                    (both && !is_same(full_id, running)))
                        return EXIT_CODE_AMBIGUOUS;
        }
        if (full_id && exit_code->ended)
                return exit_code->known ? EXIT_CODE_KNOWN : EXIT_CODE_UNKNOWN;
        if (full_id || running)
                return EXIT_CODE_RUNNING;
        return strlen(id) < ID_PREFIX_MIN ? EXIT_CODE_SHORT : EXIT_CODE_NONE;
}

const char *exit_code_full_id(const ExitCode *exit_code)
{
        if (is_same(exit_code->running, exit_code->id))
                return exit_code->running;
        return told_id(exit_code) ? exit_code->full_id : exit_code->running;
}

bool exit_code_is_unrecorded(const ExitCode *exit_code, EventLog *log)
{
        size_t n = strlen(exit_code->id), length;
        uint64_t seq = eventlog_newest_seq(log);
        const char *line;

        while (eventlog_uncommitted_next(log, seq, &line, &length, &seq))
                if (memmem(line, length, exit_code->id, n))
                        return true;
        return false;
}

/* Of an exec session that runs, and of a container that has not ended, it is the same sentence. */
static int answer_running(const ExitCode *exit_code, sd_bus_message *call)
{
        bool exec = exit_code->kind == EXIT_CODE_EXEC;

        return sd_bus_reply_method_errorf(
                call, exec ? CE_ERROR_EXEC_RUNNING : CE_ERROR_EXIT_CODE_UNKNOWN,
                "The %s \"%.*s\" has not ended yet.", exec ? "exec session" : "container",
                SHOWN(exit_code_full_id(exit_code)));
}

int exit_code_answer(const ExitCode *exit_code, sd_bus_message *call)
{
        bool exec = exit_code->kind == EXIT_CODE_EXEC;
        const char *what = exec ? "exec session" : "container";

        switch (exit_code_state(exit_code)) {
        case EXIT_CODE_KNOWN:
                return sd_bus_reply_method_return(call, "i", exit_code->code);
        case EXIT_CODE_RUNNING:
                return answer_running(exit_code, call);
        case EXIT_CODE_UNKNOWN:
                return sd_bus_reply_method_errorf(
                        call, CE_ERROR_EXIT_CODE_UNKNOWN,
                        "The %s \"%.*s\" ended, and nobody said with which exit code.", what,
                        SHOWN(exit_code->full_id));
        case EXIT_CODE_AMBIGUOUS:
                return sd_bus_reply_method_errorf(
                        call, CE_ERROR_INVALID_ARGS,
                        "The ID \"%.*s\" is the start of more than one: give more of it.",
                        SHOWN(exit_code->id));
        case EXIT_CODE_SHORT:
                return sd_bus_reply_method_errorf(
                        call, CE_ERROR_INVALID_ARGS,
                        "The ID \"%s\" is too short for the start of one: give at least %d "
                        "characters of it.",
                        exit_code->id, ID_PREFIX_MIN);
        default:
                return sd_bus_reply_method_errorf(
                        call, exec ? CE_ERROR_NO_SUCH_EXEC : CE_ERROR_NO_SUCH_CONTAINER,
                        "The history knows no %s whose ID starts with \"%.*s\"%s.", what,
                        SHOWN(exit_code->id), exec ? ", and none runs" : "");
        }
}
