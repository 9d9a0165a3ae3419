/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/number.h"
#include "base/turn.h"
#include "model/timestamp.h"
#include "sources/conmon-watch.h"

#define SOURCE_NAME "conmon"

/* The name, a space, and a number. */
#define POSITION_SIZE (sizeof(SOURCE_NAME) + 21)

/* Endings that wait while the history cannot be written; those beyond stay with who tells them, and
 * are told again later. Each takes some hundred bytes. */
#define TELLINGS_MAX 65536

/* Nothing is so urgent that it matters: what is to be decided is looked at together. */
#define DECISION_USEC UINT64_C(50000)

/* What the history has of exec sessions when we start; with more it is not looked at further, and
 * the oldest that ended while we were not there stay without an end. */
#define REMEMBERED_MAX 200000

/* An event for the history. */
typedef struct Telling {
        Event *event; /* owned */
        Exec *exec;   /* weak; NULL: it is not the end of one */
} Telling;

typedef struct Conmon {
        Source source;
        ConmonWatch *watch;      /* owned */
        PodmanExecs *execs;      /* owned */
        PodmanDeaths *deaths;    /* owned */
        PodmanKnowledge known;   /* of these */
        Turn turn;               /* gives what is told to the history */
        sd_event_source *timer;  /* owned: of the next decision */
        Telling *tellings;       /* owned, in order */
        size_t n_tellings, room; /* of them */
        bool is_starting;
} Conmon;

static Conmon *conmon(const Source *source)
{
        return (Conmon *)source;
}

/* ---- telling ---- */

static int tell(Event *event, Exec *exec, Conmon *conmon)
{
        if (conmon->n_tellings == TELLINGS_MAX)
                return -ENOBUFS;
        if (conmon->n_tellings == conmon->room) {
                size_t room = conmon->room > 0 ? conmon->room * 2 : 16;
                Telling *grown = reallocarray(conmon->tellings, room, sizeof(Telling));

                if (!grown)
                        return -ENOMEM;
                conmon->tellings = grown;
                conmon->room = room;
        }

        conmon->tellings[conmon->n_tellings++] =
                (Telling){ .event = event_ref(event), .exec = exec };
        turn_schedule(&conmon->turn);
        return 0;
}

static int deliver(Conmon *conmon, const Telling *telling)
{
        char position[POSITION_SIZE];

        snprintf(position, sizeof(position), SOURCE_NAME " %" PRIu64,
                 podman_execs_since(conmon->execs));
        return conmon->source.sink.event(&conmon->source, telling->event, position,
                                         conmon->source.sink.userdata);
}

/* As far as the history takes them; the rest when we are resumed. */
static void on_turn(void *userdata)
{
        Conmon *conmon = userdata;
        size_t n = 0;

        while (n < conmon->n_tellings) {
                Telling *telling = conmon->tellings + n;
                int r;

                r = deliver(conmon, telling);
                if (r < 0) {
                        if (r != -EAGAIN)
                                source_set_error(&conmon->source,
                                                 "The end of %s cannot be recorded: %s.",
                                                 event_fields(telling->event)->id, strerror(-r));
                        break;
                }
                conmon->source.received++;
                if (telling->exec)
                        podman_execs_recorded(conmon->execs, telling->exec);
                event_unref(telling->event);
                n++;
        }

        if (n == 0)
                return;
        conmon->n_tellings -= n;
        memmove(conmon->tellings, conmon->tellings + n, conmon->n_tellings * sizeof(Telling));
}

static int tell_exec(Event *event, Exec *exec, void *userdata)
{
        return tell(event, exec, userdata);
}

static int tell_death(Event *event, void *userdata)
{
        return tell(event, NULL, userdata);
}

/* ---- what the history knows ---- */

static int take_event(const EventFields *fields, void *userdata)
{
        Event **last = userdata, *event;
        int r;

        r = event_new(fields, &event);
        if (r < 0)
                return r;
        event_unref(*last);
        *last = event;
        return 0;
}

/* The last of those that have the name that it has now. */
static int recall_container(const char *container, Event **ret, void *userdata)
{
        const Conmon *conmon = userdata;
        const Source *source = &conmon->source;
        char id[sizeof("id=") + 64];
        const char *const terms[] = {
                "type=container", "event=create", "event=rename", "event=start", id, NULL
        };
        _cleanup_(event_unrefp) Event *event = NULL;
        int r;

        snprintf(id, sizeof(id), "id=%s", container);
        r = source->sink.recall(terms, 0, take_event, &event, source->sink.userdata);
        if (r < 0 || !event)
                return r;

        *ret = TAKE_PTR(event);
        return 1;
}

static int stop_at_first(const EventFields *fields, void *userdata)
{
        bool *found = userdata;

        *found = true;
        return 1;
}

static bool has_event(const Conmon *conmon, const char *const *terms, uint64_t since_nsec)
{
        const Source *source = &conmon->source;
        bool found = false;

        return source->sink.recall(terms, since_nsec, stop_at_first, &found,
                                   source->sink.userdata) >= 0 &&
               found;
}

static bool is_exec_recorded(const char *exec, void *userdata)
{
        char id[sizeof("exec=") + 64];
        const char *const terms[] = { "type=container", "event=exec_died", id, NULL };

        snprintf(id, sizeof(id), "exec=%s", exec);
        return has_event(userdata, terms, 0);
}

static bool is_death_recorded(const char *container, uint64_t since_nsec, void *userdata)
{
        char id[sizeof("id=") + 64];
        const char *const terms[] = { "type=container", "event=died", id, NULL };

        snprintf(id, sizeof(id), "id=%s", container);
        return has_event(userdata, terms, since_nsec);
}

typedef struct Remembering {
        PodmanExecs *execs;
        size_t n;
} Remembering;

static int remember(const EventFields *fields, void *userdata)
{
        Remembering *remembering = userdata;

        podman_execs_remember(remembering->execs, fields);
        return ++remembering->n == REMEMBERED_MAX;
}

/* What ran when we ended, and what had ended just before. */
static void remember_all(Conmon *conmon, const char *place)
{
        static const char *const terms[] = { "type=container", "event=exec", "event=exec_died",
                                             "engine=podman", NULL };
        Remembering remembering = { .execs = conmon->execs };
        uint64_t since;
        int r;

        if (!place || parse_u64(place, &since) < 0)
                return;
        podman_execs_set_since(conmon->execs, since);
        r = conmon->source.sink.recall(terms, since, remember, &remembering,
                                       conmon->source.sink.userdata);
        if (r < 0)
                log_warning("What exec sessions ran before cannot be read from the history: %s.",
                            strerror(-r));
}

/* ---- deadlines ---- */

static void on_deadline(void *userdata)
{
        Conmon *conmon = userdata;
        uint64_t now, armed;

        if (sd_event_now(conmon->source.loop, CLOCK_MONOTONIC, &now) < 0 ||
            (sd_event_source_get_enabled(conmon->timer, NULL) > 0 &&
             sd_event_source_get_time(conmon->timer, &armed) >= 0 && armed <= now + DECISION_USEC))
                return;
        sd_event_source_set_time(conmon->timer, now + DECISION_USEC);
        sd_event_source_set_enabled(conmon->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
        Conmon *conmon = userdata;
        uint64_t now, execs, deaths, next;
        int r;

        r = sd_event_now(conmon->source.loop, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        conmon_watch_drain(conmon->watch);
        execs = podman_execs_expire(conmon->execs, now);
        deaths = podman_deaths_expire(conmon->deaths, now);
        next = execs < deaths ? execs : deaths;
        if (next == UINT64_MAX)
                return 0;

        if (next < now + DECISION_USEC)
                next = now + DECISION_USEC;
        sd_event_source_set_time(timer, next);
        return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* ---- what the files tell ---- */

/* There may be more to read of what Podman writes; the journal says so late. */
static void look(Conmon *conmon)
{
        if (!conmon->is_starting)
                conmon->source.sink.look(&conmon->source, conmon->source.sink.userdata);
}

static void on_made(const char *container, const char *session, uint64_t birth_nsec, bool was_there,
                    void *userdata)
{
        const Conmon *conmon = userdata;

        podman_execs_made(conmon->execs, container, session, birth_nsec, was_there);
}

static void on_started(const char *container, const char *session, void *userdata)
{
        const Conmon *conmon = userdata;

        podman_execs_started(conmon->execs, container, session);
}

static void on_exited(const char *container, const char *session, int32_t code, uint64_t time_nsec,
                      void *userdata)
{
        Conmon *conmon = userdata;

        podman_execs_exited(conmon->execs, container, session, code, time_nsec);
        /* Its start is written by now, or will be in a moment. */
        look(conmon);
}

static void on_process_ended(const char *container, const char *session, int32_t code,
                             void *userdata)
{
        const Conmon *conmon = userdata;

        podman_execs_process_ended(conmon->execs, container, session, code);
}

static void on_exit_missed(const char *container, const char *session, void *userdata)
{
        Conmon *conmon = userdata;

        podman_execs_exit_missed(conmon->execs, container, session);
        look(conmon);
}

static void on_gone(const char *container, const char *session, void *userdata)
{
        Conmon *conmon = userdata;

        podman_execs_gone(conmon->execs, container, session);
        /* All that Podman has to say is written before that: if the file was missed, it counts. */
        look(conmon);
}

static void on_container_exited(const char *container, int32_t code, uint64_t time_nsec, bool oom,
                                void *userdata)
{
        const Conmon *conmon = userdata;

        podman_deaths_exited(conmon->deaths, container, code, time_nsec, oom);
        podman_execs_container_ended(conmon->execs, container);
}

static void on_container_gone(const char *container, void *userdata)
{
        const Conmon *conmon = userdata;

        podman_execs_container_ended(conmon->execs, container);
}

static void on_missed(void *userdata)
{
        Conmon *conmon = userdata;

        podman_execs_missed(conmon->execs);
        if (!conmon->is_starting && conmon->source.state == SOURCE_LIVE)
                log_warning("Source %s: the kernel could not tell everything: exec sessions may "
                            "have ended unseen.",
                            conmon->source.name);
        conmon->source.last_error[0] = '\0';
        source_set_state(&conmon->source, SOURCE_LIVE);
}

static void on_failed(const char *sentence, void *userdata)
{
        Conmon *conmon = userdata;

        source_set_error(&conmon->source, "%s", sentence);
        source_set_state(&conmon->source, SOURCE_FAILED);
}

static void on_drain(void *userdata)
{
        const Conmon *conmon = userdata;

        if (!conmon->is_starting)
                conmon_watch_drain(conmon->watch);
}

/* ---- source ---- */

const PodmanKnowledge *conmon_knowledge(const Source *source)
{
        return &conmon(source)->known;
}

int conmon_running(Source *source, const char *id, char **ret)
{
        on_drain(conmon(source));
        return podman_execs_running(conmon(source)->execs, id, ret);
}

int conmon_fd(const Source *source)
{
        return conmon_watch_fd(conmon(source)->watch);
}

static int conmon_start(Source *source, const char *place)
{
        Conmon *conmon_ = conmon(source);
        int r;

        remember_all(conmon_, place);
        conmon_->is_starting = true;
        source_set_state(source, SOURCE_LIVE);
        r = conmon_watch_start(conmon_->watch);
        podman_execs_begin(conmon_->execs);
        conmon_->is_starting = false;
        return r;
}

static void conmon_resume(Source *source)
{
        turn_schedule(&conmon(source)->turn);
}

static Source *conmon_free(Source *source)
{
        Conmon *conmon_ = conmon(source);

        if (!source)
                return NULL;

        conmon_watch_free(conmon_->watch);
        for (size_t i = 0; i < conmon_->n_tellings; i++)
                event_unref(conmon_->tellings[i].event);
        free(conmon_->tellings);
        podman_execs_free(conmon_->execs);
        podman_deaths_free(conmon_->deaths);
        turn_done(&conmon_->turn);
        sd_event_source_disable_unref(conmon_->timer);
        free(source->id);
        free(conmon_);
        return NULL;
}

static const SourceOps conmon_ops = {
        .start = conmon_start,
        .resume = conmon_resume,
        .free = conmon_free,
};

static int add_knowledge(Conmon *conmon, uint32_t uid)
{
        const PodmanExecsHost execs_host = { .drain = on_drain,
                                             .tell = tell_exec,
                                             .recall = recall_container,
                                             .is_recorded = is_exec_recorded,
                                             .deadline = on_deadline,
                                             .userdata = conmon };
        const PodmanDeathsHost deaths_host = { .drain = on_drain,
                                               .tell = tell_death,
                                               .recall = recall_container,
                                               .is_recorded = is_death_recorded,
                                               .deadline = on_deadline,
                                               .userdata = conmon };
        int r;

        r = podman_execs_new(uid, &execs_host, &conmon->execs);
        if (r < 0)
                return r;
        r = podman_deaths_new(uid, &deaths_host, &conmon->deaths);
        if (r < 0)
                return r;

        conmon->known = (PodmanKnowledge){ .execs = conmon->execs, .deaths = conmon->deaths };
        return 0;
}

static int add_event_sources(Conmon *conmon)
{
        sd_event *loop = conmon->source.loop;
        int r;

        r = turn_init(&conmon->turn, loop, on_turn, conmon);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(loop, &conmon->timer, CLOCK_MONOTONIC, DECISION_USEC, 0,
                                       on_timer, conmon);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(conmon->timer, SD_EVENT_OFF);
}

static int add_watch(Conmon *conmon, const ConmonOptions *options, int kept_fd)
{
        const ConmonListener listener = { .made = on_made,
                                          .started = on_started,
                                          .exited = on_exited,
                                          .process_ended = on_process_ended,
                                          .exit_missed = on_exit_missed,
                                          .gone = on_gone,
                                          .container_exited = on_container_exited,
                                          .container_gone = on_container_gone,
                                          .missed = on_missed,
                                          .failed = on_failed,
                                          .userdata = conmon };

        return conmon_watch_new(conmon->source.loop, options->graphroot, options->tmp_dir, kept_fd,
                                &listener, &conmon->watch);
}

int conmon_new(const ConmonOptions *options, sd_event *loop, const SourceSink *sink, Source **ret)
{
        _cleanup_close_ int kept_fd = options->kept_fd;
        _cleanup_(source_freep) Source *source = NULL;
        Conmon *conmon;
        int r;

        conmon = calloc(1, sizeof(Conmon));
        if (!conmon)
                return -ENOMEM;
        source = &conmon->source;
        *source = (Source){
                .ops = &conmon_ops,
                .name = SOURCE_NAME,
                .type = "podman",
                .api = "exit files",
                .version = "",
                .loop = loop,
                .sink = *sink,
        };
        source->id = strdup(options->graphroot);
        if (!source->id)
                return -ENOMEM;
        if ((r = add_knowledge(conmon, options->uid)) < 0 || (r = add_event_sources(conmon)) < 0 ||
            (r = add_watch(conmon, options, TAKE_FD(kept_fd))) < 0)
                return r;

        *ret = TAKE_PTR(source);
        return 0;
}
