/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>

#include "base/cleanup.h"
#include "base/wakeful.h"
#include "scratch.h"
#include "tap.h"

#define EXIT_CODE 7

typedef struct Scene {
        sd_event *loop;
        unsigned n_calls;
        int policies[3]; /* in which the callbacks were called */
} Scene;

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        Scene *scene = userdata;

        scene->policies[scene->n_calls++] = sched_getscheduler(0);
        return 0;
}

static int on_last_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        Scene *scene = userdata;

        on_time(source, usec, userdata);
        return sd_event_exit(scene->loop, EXIT_CODE);
}

static int fail(sd_event_source *source, void *userdata)
{
        return sd_event_exit(userdata, -EIO);
}

static bool may_be_urgent(void)
{
        const struct sched_param urgent = { .sched_priority = 1 }, ordinary = {};

        return sched_setscheduler(0, SCHED_RR, &urgent) == 0 &&
               sched_setscheduler(0, SCHED_OTHER, &ordinary) == 0;
}

static int add(Scene *scene, uint64_t usec, sd_event_time_handler_t handler)
{
        return sd_event_add_time_relative(scene->loop, NULL, CLOCK_MONOTONIC, usec, 1, handler,
                                          scene);
}

static void test_classes(void)
{
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;
        const int urgent = may_be_urgent() ? SCHED_RR : SCHED_OTHER;
        Scene scene = {};

        must(sd_event_new(&loop) >= 0);
        scene.loop = loop;
        /* The first two are due before the loop waits at all, the last is waited for. */
        must(add(&scene, 0, on_time) >= 0 && add(&scene, 0, on_time) >= 0 &&
             add(&scene, 50000, on_last_time) >= 0);
        tap_eq_int(wakeful_loop(loop), EXIT_CODE, "it ends with what was asked for");
        tap_eq_int(scene.n_calls, 3, "all were called");
        tap_eq_int(scene.policies[1], SCHED_OTHER, "what is due is done like by everybody");
        if (urgent == SCHED_RR)
                tap_eq_int(scene.policies[2], urgent, "what was waited for comes first");
        else
                tap_skip("nothing may be real-time here");
        tap_eq_int(sched_getscheduler(0), SCHED_OTHER, "and nothing is left of it");
}

static void test_errors(void)
{
        _cleanup_(sd_event_unrefp) sd_event *loop = NULL;

        must(sd_event_new(&loop) >= 0 && sd_event_add_defer(loop, NULL, fail, loop) >= 0);
        tap_eq_int(wakeful_loop(loop), -EIO, "it ends with an error");
        tap_eq_int(wakeful_loop(loop), -EIO, "and has ended");
}

int main(void)
{
        test_classes();
        test_errors();
        return tap_done();
}
