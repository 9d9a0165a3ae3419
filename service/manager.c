/* SPDX-License-Identifier: Apache-2.0 */
#include "manager.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "base/turn.h"
#include "base/utf8.h"
#include "base/wakeful.h"
#include "bus/bus.h"
#include "configuration.h"
#include "fd-store.h"
#include "log/eventlog.h"
#include "log/recall.h"
#include "source-set.h"

/* Above this what waits is committed at once, and not after the others had their turn. */
#define COMMIT_SIZE (2 * 1024 * 1024)

/* So many times a commit of what happened before we listened, for which nobody waits, lets the
 * source go on first: a sync costs as much as reading some hundred lines. */
#define BACKLOG_TURNS 8

/* How soon a history that cannot be opened or written is tried again. */
#define RETRY_USEC UINT64_C(5000000)

/* Segments are removed whole: with so many, never more than a quarter of the history goes at once.
 */
#define SEGMENTS_MIN 4

/* Age and free space change without us: how often they are looked at, unless something is recorded.
 * With a limit to the age more often, if that is short. */
#define TRIM_USEC     UINT64_C(60000000)
#define TRIM_USEC_MIN UINT64_C(1000000)
#define TRIMS_PER_AGE 16

struct Manager {
        Configuration configuration;
        sd_event *loop; /* owned */
        EventLog *log;  /* owned */
        SourceSet sources;
        BusHost host;
        Bus *bus; /* owned */

        Turn commit;            /* when all who had something to say have said it */
        Turn trim;              /* keeps the history within its bounds */
        Turn tend;              /* makes the indexes of sealed ones */
        bool trim_failed;       /* it was told, and is tried again by the timer */
        sd_event_source *timer; /* owned: of the trim turn */
        sd_event_source *retry; /* owned */

        ServiceState state;
        char failure[1024]; /* of the history; "" while it works */
        bool someone_waits; /* for the commit: it is not backlog alone */
        unsigned n_put_off; /* turns of the commit */
        bool is_published;  /* while there is a failure: what happens is published all the same */
        bool goes_on;       /* a commit takes more than one turn */
        bool full;          /* so much waits for it that nothing more is taken */
};

/* ---- degraded ---- */

static void update_degraded(Manager *manager)
{
        const char *problem = manager->configuration.problem;
        const char *reason = *manager->failure ? manager->failure : problem ? problem : "";

        manager->state.degraded_reason = reason;
        if (manager->bus)
                bus_degraded_changed(manager->bus);
        sd_notifyf(0, "STATUS=%s", *reason ? reason : "Recording.");
}

static void set_failure(Manager *manager, const char *failure)
{
        if (strcmp(manager->failure, failure) == 0)
                return;

        if (*failure)
                log_error("The history is not to be had: %s", failure);
        else
                log_notice("The history works again.");
        snprintf(manager->failure, sizeof(manager->failure), "%s", failure);
        utf8_mend(manager->failure);
        update_degraded(manager);
}

/* ---- the history ---- */

static void retry_later(Manager *manager)
{
        sd_event_source_set_time_relative(manager->retry, RETRY_USEC);
        sd_event_source_set_enabled(manager->retry, SD_EVENT_ONESHOT);
}

/*
 * A commit failed. What happens now may be published all the same, if no crash can give its number
 * to something else.
 */
static void go_on_without(Manager *manager, bool is_new)
{
        int r;

        r = eventlog_reserve(manager->log);
        if (r < 0 && (is_new || manager->is_published))
                log_error("No numbers can be reserved (%s): nothing is published meanwhile.",
                          strerror(-r));
        if (r >= 0 && !manager->is_published)
                log_notice("Events are published all the same, and recorded when they can be.");
        manager->is_published = r >= 0;
        bus_committed(manager->bus);
}

static int commit(Manager *manager)
{
        int r;

        manager->someone_waits = false;
        manager->n_put_off = 0;
        r = eventlog_commit(manager->log);
        manager->goes_on = r > 0;
        manager->state.recorded = eventlog_recorded(manager->log);
        manager->state.lost = eventlog_lost(manager->log);
        if (r < 0) {
                bool is_new = *manager->failure == '\0';

                set_failure(manager, eventlog_failure(manager->log));
                go_on_without(manager, is_new);
                retry_later(manager);
                return r;
        }

        if (!manager->trim_failed)
                turn_schedule(&manager->trim);
        turn_schedule(&manager->tend);
        bus_committed(manager->bus);
        if (r > 0) {
                turn_schedule(&manager->commit);
                return 0;
        }
        if (*manager->failure || manager->full) {
                set_failure(manager, "");
                manager->is_published = manager->full = false;
                source_set_resume(&manager->sources, NULL);
        }
        return 0;
}

/*
 * Degraded: an event is taken if it can be published. What happened before we listened is not, and
 * stays where it is; so does everything if its number is not safe.
 */
static bool may_take(Manager *manager, const Event *event)
{
        return *manager->failure == '\0' ||
               (manager->is_published && !event_fields(event)->backlog &&
                eventlog_reserve(manager->log) >= 0);
}

static int append(Manager *manager, const Event *event, const char *position, uint64_t *ret_seq)
{
        int r;

        if (*manager->failure == '\0' && eventlog_uncommitted(manager->log) >= COMMIT_SIZE)
                (void)commit(manager);
        /* Sources go on when it is through. */
        manager->full |= manager->goes_on && eventlog_uncommitted(manager->log) >= COMMIT_SIZE;
        if (manager->full || !may_take(manager, event))
                return -EAGAIN;
        r = eventlog_append(manager->log, event, position, ret_seq);

        /* Others may have been dropped for it, whatever became of it. */
        if (*manager->failure)
                bus_committed(manager->bus);
        else
                turn_schedule(&manager->commit);
        if (!event_fields(event)->backlog)
                manager->someone_waits = true;
        return r;
}

/* While it fails, the retry is soon enough. */
static void on_commit(void *userdata)
{
        Manager *manager = userdata;

        if (*manager->failure == '\0' || manager->goes_on)
                (void)commit(manager);
}

/* Not in the commit, which others wait for. */
static void on_trim(void *userdata)
{
        Manager *manager = userdata;
        int r;

        r = eventlog_trim(manager->log);
        if (r > 0)
                turn_schedule(&manager->trim);
        if (r < 0 && !manager->trim_failed)
                log_warning("The history cannot be kept within its bounds: %s.", strerror(-r));
        manager->trim_failed = r < 0;
        if (r < 0)
                sd_event_source_set_time_relative(manager->timer, RETRY_USEC);
}

static uint64_t trim_interval(const Manager *manager)
{
        uint64_t usec = manager->configuration.max_age_nsec / 1000 / TRIMS_PER_AGE;

        if (usec == 0 || usec > TRIM_USEC)
                return TRIM_USEC;
        return usec < TRIM_USEC_MIN ? TRIM_USEC_MIN : usec;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        turn_schedule(&manager->trim);
        sd_event_source_set_time_relative(source, trim_interval(manager));
        return 0;
}

static void on_tend(void *userdata)
{
        Manager *manager = userdata;

        if (eventlog_tend(manager->log) > 0)
                turn_schedule(&manager->tend);
}

static void on_report(const char *sentence, void *userdata)
{
        log_warning("%s", sentence);
}

/* ---- sources ---- */

static int on_recall(const char *const *terms, uint64_t since_nsec,
                     int (*each)(const EventFields *fields, void *userdata), void *each_userdata,
                     void *userdata)
{
        const Manager *manager = userdata;

        return log_recall(manager->log, terms, since_nsec, each, each_userdata);
}

static int on_source_event(Source *source, const Event *event, const char *position, void *userdata)
{
        uint64_t seq;

        return append(userdata, event, position, &seq);
}

static void on_look(Source *source, void *userdata)
{
        const Manager *manager = userdata;

        source_set_resume(&manager->sources, source);
}

static void on_source_changed(Source *source, void *userdata)
{
        Manager *manager = userdata;

        if (manager->bus)
                bus_source_changed(manager->bus, source);
}

static int make_sources(Manager *manager)
{
        const SourceSink sink = { .event = on_source_event,
                                  .recall = on_recall,
                                  .look = on_look,
                                  .changed = on_source_changed,
                                  .userdata = manager };

        return source_set_init(&manager->sources, &manager->configuration, manager->host.user,
                               manager->loop, &sink);
}

static const char *place_of(const char *name, void *userdata)
{
        const Manager *manager = userdata;

        return eventlog_position(manager->log, name);
}

/* ---- opening and mending the history ---- */

static void open_log(Manager *manager)
{
        int r;

        r = eventlog_open(manager->log);
        if (r < 0) {
                set_failure(manager, eventlog_failure(manager->log));
                retry_later(manager);
                return;
        }

        set_failure(manager, "");
        turn_schedule(&manager->trim);
        turn_schedule(&manager->tend);
        bus_log_opened(manager->bus);
        /* What the history has to say of an end that it had not seen. */
        (void)commit(manager);
        source_set_start(&manager->sources, place_of, manager);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *manager = userdata;

        if (!eventlog_is_open(manager->log))
                open_log(manager);
        else if (commit(manager) < 0 && manager->is_published)
                source_set_resume(&manager->sources, NULL);
        return 0;
}

/* ---- the bus ---- */

/* While nothing can be recorded it is refused: whoever calls can try again, and knows it. */
static int on_emit(const Event *event, uint64_t *ret_seq, void *userdata)
{
        Manager *manager = userdata;

        return *manager->failure ? -EAGAIN : append(manager, event, NULL, ret_seq);
}

static int on_exec_running(const char *id, char **ret_full_id, void *userdata)
{
        const Manager *manager = userdata;

        return source_set_exec_running(&manager->sources, id, ret_full_id);
}

static void on_ready(void *userdata)
{
        const Manager *manager = userdata;

        log_info("Ready; the history is in \"%s\" (Backend=%s).", manager->configuration.directory,
                 log_backend_to_string(manager->configuration.backend));
        sd_notify(0, "READY=1");
}

static void on_failed(void *userdata)
{
        const Manager *manager = userdata;

        sd_event_exit(manager->loop, EXIT_FAILURE);
}

/* ---- life ---- */

static int commit_all(Manager *manager)
{
        int r;

        do
                r = commit(manager);
        while (r >= 0 && manager->goes_on);
        return r;
}

/* Told to end: what came last is committed, and answered while there is a bus. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Manager *manager = userdata;

        sd_notify(0, "STOPPING=1");
        if (eventlog_is_open(manager->log) && commit_all(manager) < 0)
                log_error("What came last is not in the history: %s", manager->failure);
        return sd_event_exit(manager->loop, EXIT_SUCCESS);
}

static int make_loop(Manager *manager)
{
        int r;

        if ((r = sd_event_default(&manager->loop)) < 0 ||
            (r = sd_event_set_watchdog(manager->loop, true)) < 0 ||
            (r = sd_event_add_signal(manager->loop, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK,
                                     on_signal, manager)) < 0 ||
            (r = sd_event_add_signal(manager->loop, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK,
                                     on_signal, manager)) < 0 ||
            (r = turn_init(&manager->commit, manager->loop, on_commit, manager)) < 0 ||
            (r = turn_init(&manager->trim, manager->loop, on_trim, manager)) < 0 ||
            (r = turn_init(&manager->tend, manager->loop, on_tend, manager)) < 0 ||
            (r = sd_event_add_time_relative(manager->loop, &manager->retry, CLOCK_MONOTONIC,
                                            RETRY_USEC, 0, on_retry, manager)) < 0 ||
            (r = sd_event_add_time_relative(manager->loop, &manager->timer, CLOCK_MONOTONIC,
                                            trim_interval(manager), 0, on_timer, manager)) < 0 ||
            (r = sd_event_source_set_enabled(manager->timer, SD_EVENT_ON)) < 0)
                return r;
        return sd_event_source_set_enabled(manager->retry, SD_EVENT_OFF);
}

static int make_parts(Manager *manager)
{
        EventLogOptions options = {
                .backend = manager->configuration.backend,
                .directory = manager->configuration.directory,
                .segment_size = manager->configuration.segment_size,
                .max_size = manager->configuration.max_size,
                .max_age_nsec = manager->configuration.max_age_nsec,
                .keep_free = manager->configuration.keep_free,
                .keep_free_percent = manager->configuration.keep_free_percent,
                .report = on_report,
        };
        int r;

        if (options.segment_size > options.max_size / SEGMENTS_MIN)
                options.segment_size = options.max_size / SEGMENTS_MIN;

        r = make_loop(manager);
        if (r < 0)
                return r;
        r = eventlog_new(&options, &manager->log);
        if (r < 0)
                return r;

        return make_sources(manager);
}

int manager_new(const ManagerOptions *options, Manager **ret)
{
        _cleanup_(manager_freep) Manager *manager = NULL;
        int r;

        manager = calloc(1, sizeof(Manager));
        if (!manager) {
                log_error("There is no memory.");
                return -ENOMEM;
        }
        manager->state.degraded_reason = "";
        r = configuration_load(options->config_file, options->user, &manager->configuration);
        if (r < 0) {
                log_error("The configuration cannot be loaded: %s.",
                          r == -ENXIO ? "set HOME, so that there is a place for it" : strerror(-r));
                return r;
        }
        manager->host = (BusHost){
                .user = options->user,
                .state = &manager->state,
                .health_check_execs = manager->configuration.podman_health_check_execs,
                .sources = manager->sources.sources,
                .emit = on_emit,
                .exec_running = on_exec_running,
                .ready = on_ready,
                .failed = on_failed,
                .userdata = manager,
        };
        r = make_parts(manager);
        if (r < 0) {
                log_error("The service cannot be set up: %s.", strerror(-r));
                return r;
        }

        manager->host.loop = manager->loop;
        manager->host.log = manager->log;
        manager->host.n_sources = manager->sources.n;
        r = bus_new(&manager->host, &manager->bus);
        if (r < 0)
                return r;
        update_degraded(manager);
        open_log(manager);

        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager)
{
        if (!manager)
                return NULL;

        /* The bus shows the sources, and so goes first; they have nobody to tell then. */
        manager->bus = bus_free(manager->bus);
        source_set_done(&manager->sources);
        eventlog_free(manager->log);
        turn_done(&manager->commit);
        turn_done(&manager->trim);
        turn_done(&manager->tend);
        sd_event_source_disable_unref(manager->timer);
        sd_event_source_disable_unref(manager->retry);
        sd_event_unref(manager->loop);
        configuration_done(&manager->configuration);
        free(manager);
        return NULL;
}

int manager_run(Manager *manager)
{
        int r;

        r = wakeful_loop(manager->loop);
        if (r < 0)
                log_error("The event loop failed: %s.", strerror(-r));
        return r;
}
