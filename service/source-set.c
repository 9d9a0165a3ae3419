/* SPDX-License-Identifier: Apache-2.0 */
#include "source-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/logging.h"
#include "fd-store.h"
#include "sources/conmon.h"
#include "sources/podman-config.h"
#include "sources/podman-journal.h"
#include "sources/podman-log.h"
#include "sources/podman-storage.h"

/* What they are made with. */
typedef struct Making {
        const Configuration *configuration;
        bool user;
        sd_event *loop;
        const SourceSink *sink;
} Making;

/* What is known beside Podman's own events. */
static const PodmanKnowledge *knowledge(const SourceSet *set)
{
        return set->conmon ? conmon_knowledge(set->conmon) : NULL;
}

/* A path of the configuration, or else what Podman has: "found" owns that. */
static int podman_path(const char *configured, int (*find)(bool user, char **ret), bool user,
                       char **found, const char **ret)
{
        int r;

        *ret = configured;
        if (configured)
                return 0;
        r = find(user, found);
        if (r >= 0)
                *ret = *found;
        return r;
}

/* Goes before the sources of Podman's events, which ask it. What it listens with is kept while the
 * service is restarted, so that what happens meanwhile is told. */
static int add_conmon(SourceSet *set, const Making *making)
{
        const Configuration *configuration = making->configuration;
        _cleanup_free_ char *graph_root = NULL, *tmp_dir = NULL;
        _cleanup_close_ int kept_fd = fd_store_take(CONMON_FD_NAME);
        /* The system's service is not root, but root's it is that it listens to. */
        ConmonOptions options = { .uid = making->user ? geteuid() : 0 };
        int r;

        if ((r = podman_path(configuration->podman_graph_root, podman_graph_root, making->user,
                             &graph_root, &options.graphroot)) < 0 ||
            (r = podman_path(configuration->podman_tmp_dir, podman_tmp_dir, making->user, &tmp_dir,
                             &options.tmp_dir)) < 0) {
                if (r != -ENXIO)
                        return r;
                log_warning("Podman has no storage without HOME and XDG_RUNTIME_DIR: set them, or "
                            "GraphRoot= and TmpDir= in [Podman].");
                return 0;
        }
        options.kept_fd = TAKE_FD(kept_fd);
        r = conmon_new(&options, making->loop, making->sink, &set->conmon);
        if (r == -EINVAL) {
                log_warning("Podman's storage \"%s\" or its folder \"%s\" is no absolute path: "
                            "exit files are not read.",
                            options.graphroot, options.tmp_dir);
                return 0;
        }
        if (r < 0)
                return r;

        set->sources[set->n++] = set->conmon;
        (void)fd_store_keep(CONMON_FD_NAME, conmon_fd(set->conmon));
        return 0;
}

static int add_podman_log(SourceSet *set, const Making *making)
{
        const char *path = making->configuration->podman_events_log;
        _cleanup_free_ char *found = NULL;
        int r;

        if (!path) {
                r = podman_events_log_path(making->user, &found);
                if (r == -ENXIO) {
                        log_warning("Podman keeps no events without XDG_RUNTIME_DIR: set it, or "
                                    "EventsLog= in [Podman].");
                        return 0;
                }
                if (r < 0)
                        return r;
                path = found;
        }
        r = podman_log_new(path, making->loop, making->sink, knowledge(set), set->sources + set->n);
        if (r == -EINVAL) {
                log_warning("Podman's log \"%s\" is no absolute path of a file: it is not read.",
                            path);
                return 0;
        }
        if (r < 0)
                return r;

        set->n++;
        return 0;
}

static int add_podman_journal(SourceSet *set, const Making *making)
{
        int r;

        if (!making->configuration->podman_journal)
                return 0;
        r = podman_journal_new(making->user, making->loop, making->sink, knowledge(set),
                               set->sources + set->n);
        if (r < 0)
                return r;

        set->n++;
        return 0;
}

int source_set_init(SourceSet *set, const Configuration *configuration, bool user, sd_event *loop,
                    const SourceSink *sink)
{
        const Making making = {
                .configuration = configuration, .user = user, .loop = loop, .sink = sink
        };
        int r;

        if (!configuration->podman_enabled)
                return 0;
        if ((r = add_conmon(set, &making)) < 0 || (r = add_podman_log(set, &making)) < 0)
                return r;
        return add_podman_journal(set, &making);
}

void source_set_done(SourceSet *set)
{
        for (size_t i = 0; i < set->n; i++)
                set->sources[i]->ops->free(set->sources[i]);
        *set = (SourceSet){};
}

void source_set_start(SourceSet *set, const char *(*place)(const char *name, void *userdata),
                      void *userdata)
{
        for (size_t i = 0; i < set->n; i++) {
                Source *source = set->sources[i];
                int r;

                r = source->ops->start(source, place(source->name, userdata));
                if (r < 0)
                        log_error("The source %s cannot be started: %s.", source->name,
                                  strerror(-r));
        }
}

void source_set_resume(const SourceSet *set, const Source *but)
{
        for (size_t i = 0; i < set->n; i++)
                if (set->sources[i] != but)
                        set->sources[i]->ops->resume(set->sources[i]);
}

int source_set_exec_running(const SourceSet *set, const char *id, char **ret)
{
        return set->conmon ? conmon_running(set->conmon, id, ret) : 0;
}
