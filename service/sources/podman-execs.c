/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-execs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/logging.h"
#include "model/timestamp.h"
#include "model/vocabulary.h"

/* A session that the history has open, and an ending about which Podman may still say a word, are
 * looked for from so long before. */
#define SINCE_MARGIN_NSEC (EXEC_REMEMBER_USEC * 1000)

#define REASON_NO_FILE      "no exit file was seen"
#define REASON_HEALTH_CHECK "health_check"

struct PodmanExecs {
        uint32_t uid;
        PodmanExecsHost host;
        ExecBook book;
        uint64_t since_nsec;  /* when we last ran */
        uint64_t missed_nsec; /* until then sessions may have come and gone unseen */
        uint64_t heard_nsec;  /* the last start that the engine told the history of */
};

int podman_execs_new(uint32_t uid, const PodmanExecsHost *host, PodmanExecs **ret)
{
        PodmanExecs *execs;

        execs = calloc(1, sizeof(PodmanExecs));
        if (!execs)
                return -ENOMEM;
        execs->uid = uid;
        execs->host = *host;
        execs->since_nsec = timestamp_now();

        *ret = execs;
        return 0;
}

PodmanExecs *podman_execs_free(PodmanExecs *execs)
{
        if (!execs)
                return NULL;

        exec_book_done(&execs->book);
        free(execs);
        return NULL;
}

ExecBook *podman_execs_book(PodmanExecs *execs)
{
        return &execs->book;
}

uint32_t podman_execs_uid(const PodmanExecs *execs)
{
        return execs->uid;
}

void podman_execs_drain(PodmanExecs *execs)
{
        execs->host.drain(execs->host.userdata);
}

/* It is forgotten in time, also when nothing else is waited for. */
void podman_execs_touch(PodmanExecs *execs, ExecContainer *container)
{
        container->touched_usec = clock_usec();
        execs->host.deadline(execs->host.userdata);
}

static Exec *find(PodmanExecs *execs, const char *container_id, const char *id)
{
        ExecContainer *container = exec_book_container(&execs->book, execs->uid, container_id);

        return container ? exec_container_exec(container, id) : NULL;
}

static Exec *add(PodmanExecs *execs, const char *container_id, const char *id)
{
        ExecContainer *container;
        Exec *exec;

        if (exec_book_add_container(&execs->book, execs->uid, container_id, &container) < 0 ||
            exec_container_add(container, id, &exec) < 0) {
                log_error("There is no memory to follow the exec session %s.", id);
                return NULL;
        }
        podman_execs_touch(execs, container);
        /* Not known yet, but that it was not earlier. */
        if (exec->birth_nsec == 0)
                exec->birth_nsec = execs->since_nsec;
        return exec;
}

static void wait_for(PodmanExecs *execs, Exec *exec, uint64_t usec)
{
        uint64_t deadline = clock_usec() + usec;

        if (exec->deadline_usec == 0 || deadline < exec->deadline_usec)
                exec->deadline_usec = deadline;
        execs->host.deadline(execs->host.userdata);
}

/* ---- telling ---- */

/* What any event says of its container: the start of the session, or of another one in it. */
static Event *facts_of(PodmanExecs *execs, const Exec *exec)
{
        const ExecContainer *container = exec->container;
        Event *event = NULL;

        if (exec->start)
                return event_ref(exec->start);
        for (size_t i = container->n_execs; i-- > 0;)
                if (container->execs[i]->start)
                        return event_ref(container->execs[i]->start);
        if (execs->host.recall(container->id, &event, execs->host.userdata) <= 0)
                return NULL;
        return event;
}

static int make_ending(PodmanExecs *execs, const Exec *exec, const char *evidence,
                       const char *reason, const Event *facts, Event **ret)
{
        const EventFields *known = facts ? event_fields(facts) : NULL;

        return event_new(&(EventFields){ .type = "container",
                                         .status = "exec_died",
                                         .id = exec->container->id,
                                         .name = known ? known->name : NULL,
                                         .image = known ? known->image : NULL,
                                         .pod_id = known ? known->pod_id : NULL,
                                         .attributes = known ? known->attributes : NULL,
                                         .n_attributes = known ? known->n_attributes : 0,
                                         .engine = "podman",
                                         .time_nsec = exec->end_nsec,
                                         .exec_id = exec->id,
                                         .has_exit_code = evidence,
                                         .exit_code = exec->code,
                                         .evidence = evidence,
                                         .reason = reason,
                                         .synthetic = !exec->ended,
                                         .has_uid = true,
                                         .uid = execs->uid },
                         ret);
}

static void tell(PodmanExecs *execs, Exec *exec, const char *evidence, const char *reason)
{
        _cleanup_(event_unrefp) Event *event = NULL, *facts = facts_of(execs, exec);
        int r;

        /* Its container was made while we were not there, and that is still to be read. */
        if (!facts && !exec->was_put_off) {
                exec->was_put_off = true;
                exec->deadline_usec = 0;
                wait_for(execs, exec, EXEC_SETTLE_USEC);
                return;
        }

        if (exec->end_nsec == 0)
                exec->end_nsec = timestamp_now();
        /* Podman writes that it started when it may have ended; nobody is to see it end before. */
        if (exec->start && exec->end_nsec < event_fields(exec->start)->time_nsec)
                exec->end_nsec = event_fields(exec->start)->time_nsec;
        r = make_ending(execs, exec, evidence, reason, facts, &event);
        if (r >= 0)
                r = execs->host.tell(event, exec, execs->host.userdata);
        if (r < 0) {
                log_error("The end of the exec session %s cannot be told yet: %s.", exec->id,
                          strerror(-r));
                exec->deadline_usec = 0;
                wait_for(execs, exec, EXEC_SETTLE_USEC);
                return;
        }

        exec->told = true;
        exec->deadline_usec = 0;
        wait_for(execs, exec, EXEC_REMEMBER_USEC);
}

/* With the code that conmon wrote, or that of the process. */
static void tell_code(PodmanExecs *execs, Exec *exec, const char *reason)
{
        tell(execs, exec, exec->by_process ? EVIDENCE_PROCESS : EVIDENCE_EXIT_FILE, reason);
}

/* Such a code is told with the start that goes before it. */
static void tell_exit(PodmanExecs *execs, Exec *exec)
{
        if (!exec->told && exec->ended && exec->start)
                tell_code(execs, exec, NULL);
}

/* It is told: one of the starts that could not be placed was its. */
static void place_start(Exec *exec)
{
        if (exec->told && exec->may_have_start && !exec->start && exec->container->n_unplaced > 0)
                exec->container->n_unplaced--;
}

void podman_execs_offered(PodmanExecs *execs, Exec *exec)
{
        exec->may_have_start = true;
        if (!exec->ended || exec->told)
                return;
        tell_code(execs, exec, NULL);
        if (!exec->told)
                return;
        exec->holds_start = true;
        wait_for(execs, exec, EXEC_SETTLE_USEC);
}

void podman_execs_heard(PodmanExecs *execs, Exec *exec, Event *start)
{
        exec->start = event_ref(start);
        exec->started = true;
        tell_exit(execs, exec);
}

/* Of which no file was seen. */
static void tell_end(PodmanExecs *execs, Exec *exec)
{
        if (exec->inferred)
                tell(execs, exec, EVIDENCE_INFERRED, NULL);
        else
                tell(execs, exec, NULL, REASON_NO_FILE);
}

void podman_execs_inferred(PodmanExecs *execs, Exec *exec, int32_t code, uint64_t time_nsec)
{
        exec->code = code;
        exec->end_nsec = time_nsec;
        /* Less than 0: Podman does not know it either. */
        exec->inferred = code >= 0;
        tell_end(execs, exec);
}

void podman_execs_recorded(PodmanExecs *execs, Exec *exec)
{
        exec->recorded = true;
}

/* ---- at the start ---- */

void podman_execs_set_since(PodmanExecs *execs, uint64_t since_nsec)
{
        execs->since_nsec = since_nsec;
}

static void remember_start(PodmanExecs *execs, const EventFields *event)
{
        Exec *exec = add(execs, event->id, event->exec_id);

        if (!exec || exec->start || event_new(event, &exec->start) < 0)
                return;
        exec->birth_nsec = event->time_nsec;
        exec->started = true;
        exec->container->has_started = true;
}

/* Of those that ended long ago there may be very many: one that runs for weeks has us look back so
 * far. Nobody speaks of them any more. */
static bool is_long_ago(uint64_t time_nsec)
{
        return time_nsec < timestamp_now() - SINCE_MARGIN_NSEC;
}

static void remember_end(PodmanExecs *execs, const EventFields *event)
{
        Exec *exec = find(execs, event->id, event->exec_id);

        if (is_long_ago(event->time_nsec)) {
                if (exec && !exec->told)
                        exec_container_remove(exec);
                return;
        }
        if (!exec)
                exec = add(execs, event->id, event->exec_id);
        if (!exec || exec->told)
                return;
        /* A start without an ID was its. */
        if (!exec->start && exec->container->n_nameless > 0 && !event_is_health_check_exec(event))
                exec->container->n_nameless--;
        exec->told = exec->recorded = true;
        exec->ended = event->has_exit_code;
        exec->code = event->exit_code;
        exec->end_nsec = event->time_nsec;
        wait_for(execs, exec, EXEC_REMEMBER_USEC);
}

void podman_execs_remember(PodmanExecs *execs, const EventFields *event)
{
        ExecContainer *container;

        if (event->has_uid && event->uid != execs->uid)
                return;
        if (strcmp(event->status, "exec") == 0 && event->time_nsec > execs->heard_nsec)
                execs->heard_nsec = event->time_nsec;
        if (strcmp(event_status_canonical(event->status), "exec_died") == 0) {
                container = exec_book_container(&execs->book, execs->uid, event->id);
                if (event->exec_id)
                        remember_end(execs, event);
                else if (container && container->n_nameless > 0)
                        container->n_nameless--;
        } else if (event->exec_id) {
                remember_start(execs, event);
        } else if (exec_book_add_container(&execs->book, execs->uid, event->id, &container) >= 0) {
                /* Whatever Podman says of an ending there may be about this one. */
                container->n_nameless++;
                container->has_started = true;
                podman_execs_touch(execs, container);
        }
}

/* What the engine has to say of an ending it says soon: there was a start long after it, so that
 * was read. A word that comes now is about another one. */
static void settle(const PodmanExecs *execs, Exec *exec)
{
        if (exec->end_nsec + EXEC_SETTLE_USEC * 1000 < execs->heard_nsec)
                exec->n_words = EXEC_WORDS_MAX;
}

/* Starts that the history has without an ID, and not the end of: each may be of any session that is
 * there, or went meanwhile. */
static void offer_nameless(PodmanExecs *execs, ExecContainer *container)
{
        if (container->n_nameless == 0)
                return;
        for (size_t i = 0; i < container->n_execs; i++) {
                Exec *exec = container->execs[i];

                if (exec->start || exec->told)
                        continue;
                container->n_unplaced += container->n_nameless;
                container->n_nameless = 0;
                podman_execs_offered(execs, exec);
        }
}

void podman_execs_begin(PodmanExecs *execs)
{
        for (size_t i = 0; i < execs->book.n_containers; i++) {
                ExecContainer *container = execs->book.containers[i];

                offer_nameless(execs, container);
                for (size_t k = 0; k < container->n_execs; k++) {
                        Exec *exec = container->execs[k];

                        if (exec->told)
                                settle(execs, exec);
                        if (exec->told || exec->is_there || exec->gone)
                                continue;
                        exec->gone = true;
                        wait_for(execs, exec, EXEC_GONE_USEC);
                }
        }
}

/* ---- what conmon's files tell ---- */

void podman_execs_made(PodmanExecs *execs, const char *container, const char *id,
                       uint64_t birth_nsec, bool was_there)
{
        Exec *exec = add(execs, container, id);

        if (!exec)
                return;
        exec->was_there |= was_there && !exec->is_there;
        exec->is_there = true;
        if (birth_nsec > 0) {
                exec->birth_nsec = birth_nsec;
                exec->birth_is_known = true;
        }
        /* What was there may have ended before, and have been told. */
        if (was_there && !exec->start && !exec->told)
                exec->told = exec->recorded =
                        execs->host.is_recorded(exec->id, execs->host.userdata);
}

void podman_execs_started(PodmanExecs *execs, const char *container, const char *id)
{
        Exec *exec = find(execs, container, id);

        if (exec)
                exec->started = true;
}

static void has_ended(PodmanExecs *execs, Exec *exec, int32_t code, uint64_t time_nsec)
{
        exec->started = exec->ended = true;
        exec->code = code;
        exec->end_nsec = time_nsec;
        if (exec->may_have_start)
                podman_execs_offered(execs, exec);
        tell_exit(execs, exec);
        /* Of a short one the start is written after that; of a health check it never is. */
        if (!exec->told)
                wait_for(execs, exec, EXEC_SETTLE_USEC);
}

/* No exit file will be read any more: of a process that was followed the code is known still. */
static void take_from_process(PodmanExecs *execs, Exec *exec)
{
        if (exec->told || exec->ended || exec->process_code < 0)
                return;
        exec->by_process = true;
        has_ended(execs, exec, exec->process_code, exec->process_nsec);
}

void podman_execs_exited(PodmanExecs *execs, const char *container, const char *id, int32_t code,
                         uint64_t time_nsec)
{
        Exec *exec = add(execs, container, id);

        if (exec && !exec->told && !exec->ended)
                has_ended(execs, exec, code, time_nsec);
}

void podman_execs_process_ended(PodmanExecs *execs, const char *container, const char *id,
                                int32_t code)
{
        Exec *exec = find(execs, container, id);

        if (!exec || exec->told || exec->ended)
                return;
        exec->process_ended = true;
        if (code >= 0) {
                exec->process_code = code;
                exec->process_nsec = timestamp_now();
        }
        wait_for(execs, exec, EXEC_EXIT_FILE_USEC);
}

void podman_execs_exit_missed(PodmanExecs *execs, const char *container, const char *id)
{
        Exec *exec = find(execs, container, id);

        if (exec)
                take_from_process(execs, exec);
}

void podman_execs_gone(PodmanExecs *execs, const char *container, const char *id)
{
        /* Of one that was made before we were started, and not looked at, this is the first. */
        Exec *exec = add(execs, container, id);

        if (!exec || exec->gone)
                return;
        exec->gone = true;
        take_from_process(execs, exec);
        if (!exec->told && !exec->ended)
                wait_for(execs, exec, EXEC_GONE_USEC);
}

void podman_execs_missed(PodmanExecs *execs)
{
        execs->missed_nsec = timestamp_now();
}

bool podman_execs_missed_since(const PodmanExecs *execs, const Exec *exec)
{
        return exec->birth_nsec <= execs->missed_nsec;
}

bool podman_execs_missed_between(const PodmanExecs *execs, const Exec *exec, uint64_t until_nsec)
{
        return podman_execs_missed_since(execs, exec) && until_nsec <= execs->missed_nsec;
}

void podman_execs_container_ended(PodmanExecs *execs, const char *id)
{
        const ExecContainer *container = exec_book_container(&execs->book, execs->uid, id);

        for (size_t i = 0; container && i < container->n_execs; i++)
                podman_execs_process_ended(execs, id, container->execs[i]->id, -1);
}

/* ---- decisions ---- */

/* Podman tells the result of a health check about when conmon writes its file, before or after, and
 * writes no "exec" of it. */
static bool is_health_check(const Exec *exec)
{
        return !exec->start && !exec->may_have_start && exec->health_nsec > 0 &&
               exec->health_nsec + EXEC_SETTLE_USEC * 1000 >= exec->end_nsec;
}

/* It waited long enough. Returns false if it is to be forgotten. */
static bool decide(PodmanExecs *execs, Exec *exec)
{
        if (exec->holds_start) {
                exec->holds_start = false;
                place_start(exec);
                return true;
        }
        if (exec->told)
                return !exec->recorded;
        take_from_process(execs, exec);
        if (exec->told)
                return true;
        if (exec->ended) {
                exec->health_check = is_health_check(exec);
                tell_code(execs, exec, exec->health_check ? REASON_HEALTH_CHECK : NULL);
                place_start(exec);
                return true;
        }

        /* A start that failed ends like this, if Podman wrote of none that may have been its. */
        if (!exec->start && !exec->started && !exec->may_have_start)
                return false;
        tell_end(execs, exec);
        place_start(exec);
        return true;
}

static void expire_container(PodmanExecs *execs, ExecContainer *container, uint64_t now,
                             uint64_t *next)
{
        for (size_t i = container->n_execs; i-- > 0;) {
                Exec *exec = container->execs[i];

                if (exec->deadline_usec > 0 && exec->deadline_usec <= now) {
                        exec->deadline_usec = 0;
                        if (!decide(execs, exec)) {
                                exec_container_remove(exec);
                                continue;
                        }
                        /* The history does not take it yet. */
                        if (exec->deadline_usec == 0)
                                wait_for(execs, exec, EXEC_REMEMBER_USEC);
                }
                if (exec->deadline_usec > 0 && exec->deadline_usec < *next)
                        *next = exec->deadline_usec;
        }
}

uint64_t podman_execs_expire(PodmanExecs *execs, uint64_t now)
{
        uint64_t next = UINT64_MAX;

        for (size_t i = execs->book.n_containers; i-- > 0;) {
                ExecContainer *container = execs->book.containers[i];
                uint64_t forget = container->touched_usec + EXEC_REMEMBER_USEC;

                expire_container(execs, container, now, &next);
                if (container->n_execs > 0)
                        continue;
                if (forget <= now)
                        exec_book_remove_container(&execs->book, container);
                else if (forget < next)
                        next = forget;
        }
        return next;
}

uint64_t podman_execs_since(const PodmanExecs *execs)
{
        uint64_t since = timestamp_now() - SINCE_MARGIN_NSEC;

        for (size_t i = 0; i < execs->book.n_containers; i++) {
                const ExecContainer *container = execs->book.containers[i];

                for (size_t k = 0; k < container->n_execs; k++) {
                        const Exec *exec = container->execs[k];

                        if (!exec->recorded && exec->birth_nsec < since)
                                since = exec->birth_nsec;
                }
        }
        return since;
}

/* Whether it began, and the history does not have its end. A folder alone is of a start that may
 * fail, or did; of what was made while we were not there nobody knows. */
static bool is_open(const Exec *exec)
{
        return !exec->recorded &&
               (exec->started || exec->start || exec->may_have_start || !exec->birth_is_known);
}

int podman_execs_running(const PodmanExecs *execs, const char *id, char **ret)
{
        const size_t n = strlen(id);
        const char *found = NULL;
        char *copy;

        for (size_t i = 0; i < execs->book.n_containers; i++) {
                const ExecContainer *container = execs->book.containers[i];

                for (size_t k = 0; k < container->n_execs; k++) {
                        const Exec *exec = container->execs[k];

                        if (!is_open(exec) || strncmp(exec->id, id, n) != 0)
                                continue;
                        if (found && strcmp(found, exec->id) != 0)
                                return -ENOTUNIQ;
                        found = exec->id;
                }
        }
        if (!found)
                return 0;

        copy = strdup(found);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 1;
}
