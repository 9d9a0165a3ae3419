/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-verdict.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/logging.h"
#include "model/timestamp.h"
#include "model/vocabulary.h"
#include "sources/podman-place.h"

/* conmon and the runtime need longer than that, and a tick of the kernel's clock, from the making
 * of a session's folder to its start. */
#define START_MIN_NSEC NSEC_PER_MSEC

/* A file's time is that of the kernel's clock tick, which is some milliseconds late. */
#define TICK_NSEC (10 * NSEC_PER_MSEC)

/* Two words about one ending are not further apart. */
#define PAIR_NSEC (10 * NSEC_PER_SEC)

/* Any user can log of containers that never were, each of which takes some 700 bytes for a minute;
 * the second word about an ending in one that is not remembered is recorded, too. */
#define FOREIGN_CONTAINERS_MAX 16384

static bool is_own(const PodmanExecs *execs, const EventFields *event)
{
        return !event->has_uid || event->uid == podman_execs_uid(execs);
}

static uint32_t owner_of(const PodmanExecs *execs, const EventFields *event)
{
        return event->has_uid ? event->uid : podman_execs_uid(execs);
}

/* ---- "exec" ---- */

/* A folder has its time from the clock's last tick: it may have been made that much later, and by
 * another one where ticks are late, as in a virtual machine. */
static uint64_t tick_nsec(void)
{
        struct timespec tick;

        clock_getres(CLOCK_REALTIME_COARSE, &tick);
        return 2 * (uint64_t)tick.tv_nsec;
}

/*
 * Sessions of a container start one after the other, and "exec" is written before the next one's
 * folder is made: so it is about the last that was made before it.
 */
static Exec *last_made(const ExecContainer *container, uint64_t time_nsec, bool ahead)
{
        const uint64_t margin = tick_nsec() + START_MIN_NSEC;
        Exec *last = NULL;

        for (size_t i = 0; i < container->n_execs; i++) {
                Exec *exec = container->execs[i];

                if (exec->start || exec->health_check || !exec->birth_is_known ||
                    (ahead && exec->is_foreseen) || exec->birth_nsec + margin > time_nsec)
                        continue;
                if (!last || exec->birth_nsec >= last->birth_nsec)
                        last = exec;
        }
        return last;
}

/* Made and gone while we were not there: their time is not known, but their order. */
static bool is_undated(const Exec *exec)
{
        return !exec->start && !exec->birth_is_known && !exec->told;
}

/*
 * The first of those, if there are as many starts, which then are theirs: none failed, and none is
 * of a session that came and went before. One of which only its end was seen was made before all
 * whose making was; of several such the order is not known.
 */
static Exec *first_undated(const ExecContainer *container)
{
        Exec *first = NULL, *earlier = NULL;
        size_t n = 0, n_earlier = 0;

        for (size_t i = container->n_execs; i-- > 0;) {
                Exec *exec = container->execs[i];

                if (!is_undated(exec))
                        continue;
                n++;
                if (exec->is_there) {
                        first = exec;
                } else {
                        earlier = exec;
                        n_earlier++;
                }
        }
        if (n_earlier > 1 || container->n_unplaced > 0 ||
            (n != container->n_foreseen && (n != 1 || container->n_foreseen > 0)))
                return NULL;
        return earlier ? earlier : first;
}

/* One that was gone before it could be looked at, when we were slow or not there, may have been
 * made since; unless as many starts as there are such were read ahead behind that of this one. */
static bool is_overtaken(const ExecContainer *container, const Exec *exec)
{
        bool is_behind = false;
        size_t n = 0;

        for (size_t i = 0; i < container->n_execs; i++) {
                const Exec *other = container->execs[i];

                /* What was there when we looked was made at any time. */
                n += is_undated(other) && (exec->was_there || (is_behind && other->is_there));
                is_behind |= other == exec;
        }
        return n > 0 && (!exec->is_foreseen || n != container->n_foreseen);
}

static Exec *started_by(const PodmanExecs *execs, const ExecContainer *container,
                        uint64_t time_nsec)
{
        Exec *last = last_made(container, time_nsec, false);

        if (!last)
                return first_undated(container);
        return is_overtaken(container, last) || podman_execs_missed_between(execs, last, time_nsec)
                       ? NULL
                       : last;
}

void podman_foresee(const PodmanKnowledge *knowledge, const EventFields *event)
{
        ExecContainer *container;
        Exec *last;

        if (!knowledge->execs || strcmp(event->type, "container") != 0 ||
            strcmp(event->status, "exec") != 0 || !is_own(knowledge->execs, event))
                return;
        container = exec_book_container(podman_execs_book(knowledge->execs),
                                        podman_execs_uid(knowledge->execs), event->id);
        if (!container)
                return;
        last = last_made(container, event->time_nsec, true);
        if (last)
                last->is_foreseen = true;
        else
                container->n_foreseen++;
}

static void judge_start(PodmanExecs *execs, const EventFields *event, PodmanVerdict *ret)
{
        const ExecContainer *container;

        if (!is_own(execs, event))
                return;
        podman_execs_drain(execs);
        container =
                exec_book_container(podman_execs_book(execs), podman_execs_uid(execs), event->id);
        if (container)
                ret->exec = started_by(execs, container, event->time_nsec);
        if (ret->exec)
                ret->exec_id = ret->exec->id;
}

/* What is remembered of the event's container: new if need be, but of other users' not without end.
 */
static int note_container(PodmanExecs *execs, const EventFields *event, ExecContainer **ret)
{
        ExecBook *book = podman_execs_book(execs);
        ExecContainer *container = exec_book_container(book, owner_of(execs, event), event->id);
        int r;

        if (!container) {
                if (!is_own(execs, event) && book->n_containers >= FOREIGN_CONTAINERS_MAX)
                        return -ENOBUFS;
                r = exec_book_add_container(book, owner_of(execs, event), event->id, &container);
                if (r < 0)
                        return r;
        }
        podman_execs_touch(execs, container);
        *ret = container;
        return 0;
}

/* A start that may be of any session without one. Returns false if there is none. */
static bool offer_start(PodmanExecs *execs, ExecContainer *container)
{
        bool found = false;

        for (size_t i = 0; i < container->n_execs; i++)
                found |= !container->execs[i]->start && !container->execs[i]->told;
        container->n_unplaced += found;
        for (size_t i = 0; i < container->n_execs; i++)
                if (!container->execs[i]->start && !container->execs[i]->told)
                        podman_execs_offered(execs, container->execs[i]);
        return found;
}

static void apply_start(PodmanExecs *execs, Exec *exec, Event *event)
{
        const EventFields *fields = event_fields(event);
        ExecContainer *container;

        if (exec) {
                if (!exec->birth_is_known && exec->container->n_foreseen > 0)
                        exec->container->n_foreseen--;
                podman_execs_heard(execs, exec, event);
                return;
        }
        if (note_container(execs, fields, &container) < 0)
                return;
        container->has_started = true;
        if (container->n_foreseen > 0)
                container->n_foreseen--;
        if (!offer_start(execs, container))
                container->n_nameless++;
}

/* ---- "exec_died" ---- */

/* Nobody says when a process ended, but that it was noticed. */
static uint64_t earliest_end(const Exec *exec)
{
        return exec->by_process ? exec->birth_nsec : exec->end_nsec;
}

/* When conmon was killed the code is known of the process, and Podman says that it is not. */
static bool is_word_of(const Exec *exec, int32_t code)
{
        return exec->code == code || (exec->by_process && code < 0);
}

/* The session whose code conmon told, and of which this is Podman's word; the one with the fewest.
 */
static Exec *explained_by(const ExecContainer *container, const EventFields *event)
{
        Exec *found = NULL;

        for (size_t i = 0; i < container->n_execs; i++) {
                Exec *exec = container->execs[i];

                if (event->exec_id) {
                        if (strcmp(exec->id, event->exec_id) == 0)
                                return exec->ended || exec->told ? exec : NULL;
                        continue;
                }
                if ((!exec->ended && !exec->told) || exec->n_words >= EXEC_WORDS_MAX ||
                    !is_word_of(exec, event->exit_code) ||
                    earliest_end(exec) > event->time_nsec + TICK_NSEC)
                        continue;
                if (!found || exec->n_words < found->n_words)
                        found = exec;
        }
        return found;
}

/* A session that ended without a code, and that had no word yet, or one. */
static Exec *excused_by(const ExecContainer *container)
{
        for (size_t i = 0; i < container->n_execs; i++) {
                Exec *exec = container->execs[i];

                if (exec->told && !exec->ended && exec->n_words < EXEC_WORDS_MAX)
                        return exec;
        }
        return NULL;
}

/* Podman was heard to start it, its folder is gone, and no file was seen. */
static bool is_missed(const Exec *exec)
{
        return exec->gone && exec->start && !exec->ended && !exec->told;
}

/*
 * The one session that ended unseen, if all others are accounted for. Podman writes before the
 * folder goes, so the word is there to come; whatever else ran would have left a file, or an "exec"
 * that has no session.
 */
static Exec *only_missed(const PodmanExecs *execs, const ExecContainer *container,
                         const EventFields *event)
{
        const bool health = container->health_nsec + PAIR_NSEC >= event->time_nsec;
        bool several =
                container->n_nameless > 0 || container->n_unplaced > 0 || excused_by(container);
        Exec *found = NULL;

        for (size_t i = 0; i < container->n_execs; i++) {
                Exec *exec = container->execs[i];

                if (event->exec_id && strcmp(event->exec_id, exec->id) == 0)
                        return exec->ended || exec->told ? NULL : exec;
                if (is_missed(exec)) {
                        several |= found || (health && podman_execs_missed_since(execs, exec));
                        found = exec;
                } else {
                        /* Another of which no file was seen: a health check, or of a start that
                         * may be of several. */
                        several |= exec->gone && !exec->ended && !exec->told &&
                                   (health || exec->may_have_start);
                }
        }
        return several || event->exec_id ? NULL : found;
}

/*
 * Whether there is something that will be told, and that this is likely the word of. When conmon
 * was killed Podman itself does not know the code, says so, and then removes the folder.
 */
static bool will_be_told(const ExecContainer *container, const EventFields *event)
{
        for (size_t i = 0; i < container->n_execs; i++) {
                const Exec *exec = container->execs[i];

                if (exec->told || exec->ended)
                        continue;
                if (exec->start ? exec->gone || event->exit_code < 0
                                : exec->gone && exec->may_have_start && container->n_unplaced > 0)
                        return true;
        }
        return false;
}

static uint64_t session_hash(const EventFields *event)
{
        return event->exec_id ? podman_hash(event->exec_id, strlen(event->exec_id)) : 0;
}

/* An ending that Podman told of a while ago, with the same code, and of the same session or, if
 * that is not known, by another writer. */
static NamelessEnding *paired_with(ExecContainer *container, const EventFields *event,
                                   ExecWriter writer)
{
        const size_t n = container->n_endings < NAMELESS_ENDINGS_MAX ? container->n_endings
                                                                     : NAMELESS_ENDINGS_MAX;
        /* Where no start was heard the endings of several may look like the words about one. */
        const bool certain = container->has_started && container->n_nameless == 0;
        const uint64_t session = session_hash(event);

        for (size_t i = 0; i < n; i++) {
                NamelessEnding *ending = container->endings + i;

                if (ending->code != event->exit_code || ending->n_words >= EXEC_WORDS_MAX ||
                    ending->time_nsec + PAIR_NSEC < event->time_nsec ||
                    event->time_nsec + PAIR_NSEC < ending->time_nsec)
                        continue;
                if (session != 0 && ending->session != 0) {
                        if (session == ending->session)
                                return ending;
                        continue;
                }
                if (writer != EXEC_WRITER_UNKNOWN && ending->writer != EXEC_WRITER_UNKNOWN
                            ? writer != ending->writer
                            : certain)
                        return ending;
        }
        return NULL;
}

static void judge_end(PodmanExecs *execs, const EventFields *event, ExecWriter writer,
                      PodmanVerdict *ret)
{
        ExecContainer *container;

        if (is_own(execs, event))
                podman_execs_drain(execs);
        container =
                exec_book_container(podman_execs_book(execs), owner_of(execs, event), event->id);
        if (!container)
                return;

        ret->exec = explained_by(container, event);
        if (!ret->exec)
                ret->inferred = only_missed(execs, container, event);
        ret->leave_out = ret->exec || ret->inferred || will_be_told(container, event);
        if (!ret->leave_out) {
                ret->exec = excused_by(container);
                ret->leave_out = ret->exec;
        }
        if (ret->leave_out)
                return;
        ret->ending = paired_with(container, event, writer);
        ret->leave_out = ret->ending;
}

static void note_ending(PodmanExecs *execs, const EventFields *event, ExecWriter writer)
{
        ExecContainer *container;

        if (note_container(execs, event, &container) < 0)
                return;
        if (container->n_nameless > 0)
                container->n_nameless--;
        container->endings[container->n_endings++ % NAMELESS_ENDINGS_MAX] = (NamelessEnding){
                .session = session_hash(event),
                .code = event->exit_code,
                .time_nsec = event->time_nsec,
                .writer = writer,
                .n_words = 1,
        };
}

static void apply_end(PodmanExecs *execs, const PodmanVerdict *verdict, const EventFields *event,
                      ExecWriter writer)
{
        if (verdict->inferred) {
                verdict->inferred->n_words++;
                podman_execs_inferred(execs, verdict->inferred, event->exit_code, event->time_nsec);
        } else if (verdict->exec) {
                verdict->exec->n_words++;
        } else if (verdict->ending) {
                verdict->ending->n_words++;
        } else if (!verdict->leave_out) {
                note_ending(execs, event, writer);
        }
}

/* ---- "died", "health_status" ---- */

static void judge_death(const PodmanKnowledge *knowledge, const EventFields *event,
                        PodmanVerdict *ret)
{
        PodmanDeaths *deaths = knowledge->deaths;

        if (!deaths || (event->has_uid && event->uid != podman_deaths_uid(deaths)))
                return;
        podman_deaths_drain(deaths);
        ret->death = podman_deaths_find(deaths, event->id, event->exit_code, event->time_nsec);
        if (!ret->death)
                return;
        ret->oom_killed = ret->death->oom_killed;
        ret->leave_out = ret->death->told && !ret->death->heard;
}

static void note_health(PodmanExecs *execs, const EventFields *event)
{
        ExecContainer *container =
                exec_book_container(podman_execs_book(execs), podman_execs_uid(execs), event->id);

        if (!container || !is_own(execs, event))
                return;
        container->health_nsec = event->time_nsec;
        for (size_t i = 0; i < container->n_execs; i++) {
                Exec *exec = container->execs[i];

                if (!exec->start && !exec->told &&
                    (!exec->ended || event->time_nsec <= exec->end_nsec + EXEC_SETTLE_USEC * 1000))
                        exec->health_nsec = event->time_nsec;
        }
}

/* ---- all ---- */

void podman_judge(const PodmanKnowledge *knowledge, const EventFields *event, ExecWriter writer,
                  PodmanVerdict *ret)
{
        *ret = (PodmanVerdict){};
        if (strcmp(event->type, "container") != 0)
                return;

        if (strcmp(event->status, "died") == 0)
                judge_death(knowledge, event, ret);
        if (!knowledge->execs)
                return;
        ret->not_its_own = event->exec_id && !is_own(knowledge->execs, event);
        if (strcmp(event->status, "exec") == 0)
                judge_start(knowledge->execs, event, ret);
        else if (strcmp(event->status, "exec_died") == 0)
                judge_end(knowledge->execs, event, writer, ret);
        else if (strcmp(event->status, "health_status") == 0 && is_own(knowledge->execs, event))
                podman_execs_drain(knowledge->execs);
}

void podman_verdict_apply(const PodmanKnowledge *knowledge, const PodmanVerdict *verdict,
                          Event *event, ExecWriter writer)
{
        const EventFields *fields = event_fields(event);
        PodmanExecs *execs = knowledge->execs;

        if (strcmp(fields->type, "container") != 0)
                return;
        if (strcmp(fields->status, "died") == 0) {
                if (verdict->death)
                        verdict->death->heard = true;
                if (execs && is_own(execs, fields))
                        podman_execs_container_ended(execs, fields->id);
        }
        if (!execs)
                return;
        if (strcmp(fields->status, "exec") == 0)
                apply_start(execs, verdict->exec, event);
        else if (strcmp(fields->status, "exec_died") == 0)
                apply_end(execs, verdict, fields, writer);
        else if (strcmp(fields->status, "health_status") == 0)
                note_health(execs, fields);
}

int podman_verdict_complete(const PodmanVerdict *verdict, Event **event)
{
        EventFields fields = *event_fields(*event);
        Event *completed;
        int r;

        if (!verdict->exec_id && !verdict->not_its_own && !verdict->oom_killed)
                return 0;
        if (verdict->not_its_own)
                fields.exec_id = NULL;
        if (verdict->exec_id)
                fields.exec_id = verdict->exec_id;
        fields.oom_killed |= verdict->oom_killed;
        r = event_new(&fields, &completed);
        if (r < 0)
                return r;

        event_unref(*event);
        *event = completed;
        return 0;
}
