/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "cleanup.h"

/* Podman answers in some 30 ms, and waits for its locks, and for a busy disk. */
#define TIMEOUT_USEC UINT64_C(60000000)

/* Some 1 KiB a container, and ten times that for one that is inspected. */
#define OUTPUT_MAX (16 * 1024 * 1024)

struct Engine {
        sd_event *loop; /* owned: a reference */
        char *podman;   /* owned */
        Child *child;   /* owned; NULL: nothing is asked */
        char *problem;  /* owned */
        Containers containers;
        union {
                EngineListHandler list;
                EngineInspectHandler inspect;
                EngineTagHandler tag;
        } handler;
        void *userdata;
};

int engine_new(sd_event *loop, const char *podman, Engine **ret)
{
        Engine *e = calloc(1, sizeof(Engine));

        if (!e)
                return -ENOMEM;
        e->loop = sd_event_ref(loop);
        e->podman = strdup(podman);
        if (!e->podman) {
                engine_free(e);
                return -ENOMEM;
        }

        *ret = e;
        return 0;
}

Engine *engine_free(Engine *e)
{
        if (!e)
                return NULL;
        child_free(e->child);
        sd_event_unref(e->loop);
        containers_done(&e->containers);
        free(e->podman);
        free(e->problem);
        free(e);
        return NULL;
}

const char *engine_problem(const Engine *e)
{
        return e->problem ? e->problem : "there is no memory left";
}

__attribute__((format(printf, 2, 3))) static void set_problem(Engine *e, const char *format, ...)
{
        va_list ap;

        free(e->problem);
        va_start(ap, format);
        if (vasprintf(&e->problem, format, ap) < 0)
                e->problem = NULL;
        va_end(ap);
}

/* What Podman says is its last line: warnings come before. */
static void set_complaint(Engine *e, const char *verb, int result, int status,
                          const char *complaint)
{
        size_t length = strlen(complaint);
        const char *line;

        if (result == -ETIMEDOUT) {
                set_problem(e, "\"%s %s\" has not answered in time", e->podman, verb);
                return;
        }
        if (result < 0) {
                set_problem(e, "\"%s %s\" failed: %s", e->podman, verb, strerror(-result));
                return;
        }
        while (length > 0 && complaint[length - 1] == '\n')
                length--;
        line = memrchr(complaint, '\n', length);
        line = line ? line + 1 : complaint;
        set_problem(e, "\"%s %s\" ended with exit code %i: %.*s", e->podman, verb, status,
                    (int)(length - (size_t)(line - complaint)), line);
}

static int ask(Engine *e, const char *const argv[], ChildHandler answer)
{
        int r;

        if (e->child)
                return -EBUSY;
        r = child_start(e->loop, argv, TIMEOUT_USEC, OUTPUT_MAX, answer, e, &e->child);
        if (r < 0)
                set_problem(e, "\"%s\" cannot be run: %s", e->podman, strerror(-r));
        return r;
}

/* ---- lists ---- */

static void end_list(Engine *e, int result, const Images *images)
{
        Containers containers = e->containers;

        e->containers = (Containers){};
        e->handler.list(e, result, &containers, images, e->userdata);
        containers_done(&containers);
}

static void on_images(Child *child, int result, int status, const char *output, size_t length,
                      const char *complaint, void *userdata)
{
        Engine *e = userdata;
        Images images = {};
        int r = result;

        if (result < 0 || status != 0) {
                set_complaint(e, "images", result, status, complaint);
                r = result < 0 ? result : -EREMOTEIO;
        } else {
                r = images_parse(output, length, &images);
                if (r < 0)
                        set_problem(e, "the answer of \"%s images\" is not understood", e->podman);
        }
        e->child = child_free(e->child);
        end_list(e, r, &images);
        images_done(&images);
}

static void on_containers(Child *child, int result, int status, const char *output, size_t length,
                          const char *complaint, void *userdata)
{
        Engine *e = userdata;
        const char *const argv[] = { e->podman,  "images",      "--no-trunc",
                                     "--format", IMAGES_FORMAT, NULL };
        int r;

        if (result < 0 || status != 0) {
                set_complaint(e, "ps", result, status, complaint);
                r = result < 0 ? result : -EREMOTEIO;
        } else {
                r = containers_parse(output, length, &e->containers);
                if (r < 0)
                        set_problem(e, "the answer of \"%s ps\" is not understood", e->podman);
        }
        e->child = child_free(e->child);
        if (r >= 0)
                r = ask(e, argv, on_images);
        if (r < 0)
                end_list(e, r, &(Images){});
}

int engine_list(Engine *e, EngineListHandler handler, void *userdata)
{
        const char *const argv[] = { e->podman, "ps", "--no-trunc", "--format", "json", NULL };

        e->handler.list = handler;
        e->userdata = userdata;
        return ask(e, argv, on_containers);
}

/* ---- containers ---- */

/* One that is not there any more makes it fail, with those that are in its answer. */
static void on_inspection(Child *child, int result, int status, const char *output, size_t length,
                          const char *complaint, void *userdata)
{
        Engine *e = userdata;
        Inspection inspection = {};
        int r = result;

        if (result >= 0)
                r = inspection_parse(output, length, &inspection);
        if (r < 0)
                set_complaint(e, "container inspect", result, status, complaint);
        e->child = child_free(e->child);
        e->handler.inspect(e, r, &inspection, e->userdata);
        inspection_done(&inspection);
}

int engine_inspect(Engine *e, const char *const ids[], size_t n, EngineInspectHandler handler,
                   void *userdata)
{
        static const char *const words[] = { "container", "inspect", "--" };
        const size_t n_words = sizeof(words) / sizeof(words[0]);
        _cleanup_free_ const char **argv = calloc(1 + n_words + n + 1, sizeof(char *));

        if (!argv)
                return -ENOMEM;
        argv[0] = e->podman;
        memcpy(argv + 1, words, sizeof(words));
        memcpy(argv + 1 + n_words, ids, n * sizeof(char *));
        e->handler.inspect = handler;
        e->userdata = userdata;
        return ask(e, argv, on_inspection);
}

/* ---- names ---- */

static void on_tag(Child *child, int result, int status, const char *output, size_t length,
                   const char *complaint, void *userdata)
{
        Engine *e = userdata;
        int r = result;

        if (result < 0 || status != 0) {
                set_complaint(e, "tag", result, status, complaint);
                r = result < 0 ? result : -EREMOTEIO;
        }
        e->child = child_free(e->child);
        e->handler.tag(e, r, e->userdata);
}

int engine_tag(Engine *e, const char *id, const char *name, EngineTagHandler handler,
               void *userdata)
{
        const char *const argv[] = { e->podman, "tag", "--", id, name, NULL };

        e->handler.tag = handler;
        e->userdata = userdata;
        return ask(e, argv, on_tag);
}
