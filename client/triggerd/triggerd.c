/* SPDX-License-Identifier: Apache-2.0 */
#include "triggerd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "cleanup.h"
#include "environment-file.h"
#include "report.h"
#include "runner.h"
#include "text-format.h"
#include "trigger-folder.h"

/* How often systemd is told what goes on, for "systemctl status". */
#define STATUS_USEC UINT64_C(5000000)

/* How long a start waits for the service, so that who waits for us knows that what happens from
 * then on counts. It may be down, and then nothing happens that could be missed. */
#define READY_USEC UINT64_C(5000000)

typedef struct Triggerd {
        RunnerHost host; /* owned, each of it */
        EnvironmentFolder *environments;
        TriggerSet set;
        Runner **runners; /* owned, each; sorted as the set is */
        size_t n_runners;
        sd_event_source *status;
        sd_event_source *late; /* while systemd waits for us to be ready, or NULL */
        char *said;            /* owned; the status that was told last */
} Triggerd;

/* ---- triggers ---- */

static void on_warning(const char *place, const char *text, void *userdata)
{
        report_warning("%s: %s.", place, text);
}

static const TriggerReport warnings = { .warning = on_warning };

static void report_broken(const TriggerSet *set)
{
        for (size_t i = 0; i < set->n; i++)
                if (set->triggers[i]->state == TRIGGER_BROKEN)
                        report_error("Trigger %s does not run: %s.", set->triggers[i]->name,
                                     set->triggers[i]->problem);
}

static Runner *take_runner(Triggerd *t, const char *name)
{
        for (size_t i = 0; i < t->n_runners; i++) {
                Runner *r = t->runners[i];

                if (!r || strcmp(runner_get_trigger(r)->name, name) != 0)
                        continue;
                t->runners[i] = NULL;
                return r;
        }
        return NULL;
}

/* A trigger that is masked or gone is forgotten: if it comes back it begins anew. One that is
 * broken will be mended, and goes on then where it stopped. */
static bool is_wanted(const char *name, void *userdata)
{
        const Trigger *trigger = trigger_set_find(userdata, name);

        return trigger && trigger->state != TRIGGER_MASKED;
}

static void free_runners(Triggerd *t)
{
        for (size_t i = 0; i < t->n_runners; i++) {
                if (!t->runners[i])
                        continue;
                runner_settle(t->runners[i]);
                runner_free(t->runners[i]);
        }
        free(t->runners);
        t->runners = NULL;
        t->n_runners = 0;
}

/* What did not change goes on; the others' runners are what is left. */
static size_t make_runners(Triggerd *t, const TriggerSet *set, Runner **runners)
{
        size_t n = 0;

        for (size_t i = 0; i < set->n; i++) {
                const Trigger *trigger = set->triggers[i];
                int r = 0;

                if (trigger->state != TRIGGER_LOADED)
                        continue;
                runners[n] = take_runner(t, trigger->name);
                if (runners[n])
                        runner_set_trigger(runners[n], trigger);
                else
                        r = runner_new(&t->host, trigger, &runners[n]);
                if (r >= 0)
                        n++;
                else
                        report_error("Trigger %s does not run: %s.", trigger->name, strerror(-r));
        }
        return n;
}

static int load(Triggerd *t)
{
        TriggerSet set = {};
        Runner **runners;
        size_t n;
        int r;

        r = trigger_set_load("", &warnings, &set);
        if (r < 0) {
                report_error("The triggers cannot be read: %s. Their folders must be readable for "
                             "everybody.",
                             strerror(-r));
                return r;
        }
        report_broken(&set);
        runners = calloc(set.n + 1, sizeof(Runner *));
        if (!runners) {
                trigger_set_done(&set);
                return -ENOMEM;
        }
        /* One that cannot be made is without a runner until the next time; the others run. */
        n = make_runners(t, &set, runners);
        free_runners(t);
        t->runners = runners;
        t->n_runners = n;
        trigger_set_done(&t->set);
        t->set = set;
        r = state_folder_sweep(t->host.states, is_wanted, &t->set);
        if (r < 0)
                report_warning("%s cannot be tidied: %s.", state_folder_get_path(t->host.states),
                               strerror(-r));
        return 0;
}

/* ---- what is told to systemd ---- */

static int say_status(Triggerd *t)
{
        _cleanup_free_ char *text = NULL;
        unsigned waiting, running;

        starter_count(t->host.starter, &waiting, &running);
        if (text_format(&text, "Triggers: %zu, starts that wait: %u, units that run: %u",
                        t->n_runners, waiting, running) < 0)
                return -ENOMEM;
        if (t->said && strcmp(t->said, text) == 0)
                return 0;
        (void)sd_notifyf(0, "STATUS=%s", text);
        free(t->said);
        t->said = TAKE_PTR(text);
        return 0;
}

static int on_status(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)say_status(userdata);
        if (sd_event_source_set_time_relative(source, STATUS_USEC) >= 0)
                (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static void say_ready(Triggerd *t)
{
        t->late = sd_event_source_disable_unref(t->late);
        (void)sd_notify(0, "READY=1");
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
        say_ready(userdata);
        return 0;
}

static bool all_have_places(const Triggerd *t)
{
        for (size_t i = 0; i < t->n_runners; i++)
                if (!runner_has_place(t->runners[i]))
                        return false;
        return true;
}

static void on_placed(void *userdata)
{
        Triggerd *t = userdata;

        if (t->late && all_have_places(t))
                say_ready(t);
}

/* As soon as every trigger knows from where on it counts. */
static void be_ready(Triggerd *t)
{
        t->late = sd_event_source_disable_unref(t->late);
        if (all_have_places(t) ||
            sd_event_add_time_relative(t->host.loop, &t->late, CLOCK_MONOTONIC, READY_USEC, 0,
                                       on_late, t) < 0)
                say_ready(t);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Triggerd *t = userdata;

        (void)sd_notify(0, "RELOADING=1");
        if (load(t) >= 0)
                report_info("The triggers were read again: %zu run.", t->n_runners);
        (void)say_status(t);
        be_ready(t);
        return 0;
}

/* ---- life ---- */

static const char *directory(const char *variable, const char *fallback)
{
        const char *path = getenv(variable);

        return path && *path == '/' ? path : fallback;
}

static int open_folders(Triggerd *t)
{
        const char *states = directory("STATE_DIRECTORY", STATE_FOLDER);
        const char *environments = directory("RUNTIME_DIRECTORY", ENVIRONMENT_FOLDER);
        int r;

        r = state_folder_open(states, &t->host.states);
        if (r < 0) {
                report_error("%s cannot be used: %s.", states, strerror(-r));
                return r;
        }
        r = environment_folder_open(environments, &t->environments);
        if (r < 0)
                report_error("%s cannot be used: %s.", environments, strerror(-r));
        return r;
}

static int open_loop(Triggerd *t)
{
        sd_event *loop;
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        r = sd_event_default(&t->host.loop);
        loop = t->host.loop;
        if (r >= 0)
                r = sd_event_add_signal(loop, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(loop, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(loop, NULL, SIGHUP, on_hangup, t);
        if (r >= 0)
                r = sd_event_add_time_relative(loop, &t->status, CLOCK_MONOTONIC, STATUS_USEC, 0,
                                               on_status, t);
        if (r >= 0)
                r = sd_event_set_watchdog(loop, true);
        if (r < 0)
                report_error("The event loop cannot be made: %s.", strerror(-r));
        return r;
}

static int open_bus(Triggerd *t)
{
        int r;

        r = client_pool_new(t->host.loop, &t->host.clients);
        if (r >= 0)
                r = starter_new(t->host.loop, t->environments, &t->host.starter);
        if (r < 0)
                report_error("The system bus cannot be used: %s.", strerror(-r));
        return r;
}

static void triggerd_done(Triggerd *t)
{
        free_runners(t);
        trigger_set_done(&t->set);
        starter_free(t->host.starter);
        client_pool_free(t->host.clients);
        environment_folder_close(t->environments);
        state_folder_close(t->host.states);
        sd_event_source_disable_unref(t->status);
        sd_event_source_disable_unref(t->late);
        sd_event_unref(t->host.loop);
        free(t->said);
}

/* What is wrong with a folder: this stays so. */
static int of_folder(int r)
{
        return r == -EACCES || r == -ENOTDIR || r == -ELOOP || r == -E2BIG ? -ENOTRECOVERABLE : r;
}

int triggerd_run(void)
{
        _cleanup_(triggerd_done) Triggerd t = {
                .host = { .placed = on_placed, .userdata = &t },
        };
        int r;

        r = open_loop(&t);
        if (r >= 0)
                r = of_folder(open_folders(&t));
        if (r >= 0)
                r = open_bus(&t);
        if (r >= 0)
                r = of_folder(load(&t));
        if (r < 0)
                return r;
        (void)say_status(&t);
        be_ready(&t);
        r = sd_event_loop(t.host.loop);
        (void)sd_notify(0, "STOPPING=1");
        if (r < 0)
                report_error("The event loop ended: %s.", strerror(-r));
        return r;
}
