/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text-format.h"

/* A unit that is started again and again: it has failed long before. */
#define BORN_MAX 256

struct Watch {
        WatchOptions options;
        char **born; /* owned, each; IDs of the containers that were made since the restart */
        size_t n_born;
        bool *healthy; /* owned; of each change, what an event said */
        bool *checked; /* owned; of each change, whether it is known to have a health check */
        uint64_t began_usec;
        uint64_t look_usec; /* when to look next */
        bool begun;
        bool looked; /* so that "checked" is known of all */
        bool well;
        char *problem; /* owned; NULL: none */
};

int watch_new(const WatchOptions *options, Watch **ret)
{
        Watch *w = calloc(1, sizeof(Watch));

        if (!w)
                return -ENOMEM;
        w->options = *options;
        w->look_usec = UINT64_MAX;
        w->healthy = calloc(options->plan->n, sizeof(bool));
        w->checked = calloc(options->plan->n, sizeof(bool));
        if (!w->healthy || !w->checked) {
                watch_free(w);
                return -ENOMEM;
        }

        *ret = w;
        return 0;
}

Watch *watch_free(Watch *w)
{
        if (!w)
                return NULL;
        for (size_t i = 0; i < w->n_born; i++)
                free(w->born[i]);
        free(w->born);
        free(w->healthy);
        free(w->checked);
        free(w->problem);
        free(w);
        return NULL;
}

/* The first problem counts. Returns -ENOMEM. */
__attribute__((format(printf, 2, 3))) static int fail(Watch *w, const char *format, ...)
{
        va_list ap;
        int r;

        if (w->problem)
                return 0;
        va_start(ap, format);
        r = text_format_list(&w->problem, format, ap);
        va_end(ap);
        return r;
}

static bool is_born(const Watch *w, const char *id)
{
        for (size_t i = 0; i < w->n_born; i++)
                if (strcmp(w->born[i], id) == 0)
                        return true;
        return false;
}

static int add_born(Watch *w, const char *id)
{
        char **grown, *copy;

        if (is_born(w, id) || w->n_born == BORN_MAX)
                return 0;
        grown = reallocarray(w->born, w->n_born + 1, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        w->born = grown;
        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        w->born[w->n_born++] = copy;
        return 0;
}

static bool is_birth(const char *status)
{
        return strcmp(status, "create") == 0 || strcmp(status, "init") == 0 ||
               strcmp(status, "start") == 0;
}

/* The change that a container of that name is about; -1: it is another. */
static ssize_t change_of(const Watch *w, const char *name)
{
        for (size_t i = 0; name && i < w->options.plan->n; i++)
                if (strcmp(w->options.plan->changes[i].container, name) == 0)
                        return (ssize_t)i;
        return -1;
}

int watch_event(Watch *w, const WatchEvent *e)
{
        ssize_t change = change_of(w, e->name);
        const char *name = e->name && *e->name ? e->name : e->id;

        if (change < 0 && (!e->unit || strcmp(e->unit, w->options.plan->unit) != 0))
                return 0;
        if (is_birth(e->status))
                return e->time_nsec >= w->options.since_nsec ? add_born(w, e->id) : 0;
        if (!is_born(w, e->id))
                return 0;

        if (strcmp(e->status, "died") == 0) {
                if (e->has_exit_code)
                        return fail(w, "the container %s ended with exit code %i", name,
                                    e->exit_code);
                return fail(w, "the container %s ended", name);
        }
        if (strcmp(e->status, "health_status") != 0 || !e->health)
                return 0;
        if (strcmp(e->health, "unhealthy") == 0)
                return fail(w, "the container %s is unhealthy", name);
        if (change >= 0) {
                w->checked[change] = true;
                w->healthy[change] = w->healthy[change] || strcmp(e->health, "healthy") == 0;
        }
        return 0;
}

void watch_begin(Watch *w, uint64_t now_usec)
{
        w->begun = true;
        w->began_usec = now_usec;
        w->look_usec = now_usec + w->options.stable_usec;
}

/* Nothing more is to be expected: those with a health check said that they are well, and those
 * without had their time. */
static bool all_have_answered(const Watch *w)
{
        for (size_t i = 0; i < w->options.plan->n; i++)
                if (!w->healthy[i] && (!w->looked || w->checked[i]))
                        return false;
        return true;
}

static const char *wanted_image(const Watch *w, const Change *change)
{
        return w->options.rolled_back ? change->old_image : change->new_image;
}

/* Whether this one needs no more waiting. */
static int look_at(Watch *w, size_t i, const WatchLook *look, bool *ret_ready)
{
        const Change *change = &w->options.plan->changes[i];
        const char *wanted = wanted_image(w, change);

        if (!look->id || !look->running)
                return fail(w, "the container %s does not run", change->container);
        if (strcmp(look->image_id, wanted) != 0)
                return fail(w, "the container %s runs the image %s, not %s", change->container,
                            look->image_id, wanted);
        if (strcmp(look->health, "unhealthy") == 0)
                return fail(w, "the container %s is unhealthy", change->container);
        if (strcmp(look->health, "healthy") == 0)
                w->healthy[i] = true;
        w->checked[i] = w->checked[i] || *look->health;
        *ret_ready = !w->checked[i] || w->healthy[i];
        return 0;
}

int watch_look(Watch *w, const WatchLook *looks, uint64_t now_usec)
{
        uint64_t last = w->began_usec + w->options.health_usec;
        bool all_ready = true;

        for (size_t i = 0; i < w->options.plan->n; i++) {
                bool ready = false;
                int r = look_at(w, i, &looks[i], &ready);

                if (r < 0)
                        return r;
                if (w->problem)
                        return 0;
                if (!ready && now_usec >= last)
                        return fail(w, "the container %s is not healthy in time",
                                    w->options.plan->changes[i].container);
                all_ready = all_ready && ready;
        }

        w->well = all_ready;
        w->looked = true;
        w->look_usec = last;
        return 0;
}

WatchState watch_state(Watch *w, uint64_t now_usec)
{
        if (w->problem)
                return WATCH_FAILED;
        if (w->well)
                return WATCH_WELL;
        if (!w->begun)
                return WATCH_WAITING;
        return all_have_answered(w) || now_usec >= w->look_usec ? WATCH_LOOK : WATCH_WAITING;
}

uint64_t watch_deadline(const Watch *w)
{
        return w->begun ? w->look_usec : UINT64_MAX;
}

const char *watch_problem(const Watch *w)
{
        return w->problem;
}
