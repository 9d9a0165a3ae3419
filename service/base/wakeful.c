/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wakeful.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

/* The lowest: before all that is not real-time, and behind all that is. */
#define URGENT_PRIORITY 1

/* It needs a limit (RLIMIT_RTPRIO) that few have, and kernels may keep it from a cgroup. */
static bool become_urgent(void)
{
        const struct sched_param param = { .sched_priority = URGENT_PRIORITY };

        return sched_setscheduler(0, SCHED_RR, &param) == 0;
}

static void become_ordinary(void)
{
        const struct sched_param param = {};

        (void)sched_setscheduler(0, SCHED_OTHER, &param);
}

/* What is ready already is done before anything is waited for. */
static int run_once(sd_event *loop, bool *may_be_urgent)
{
        bool is_urgent = false;
        int r;

        r = sd_event_prepare(loop);
        if (r == 0) {
                is_urgent = *may_be_urgent = *may_be_urgent && become_urgent();
                r = sd_event_wait(loop, UINT64_MAX);
        }
        if (r > 0)
                r = sd_event_dispatch(loop);
        if (is_urgent)
                become_ordinary();
        return r;
}

int wakeful_loop(sd_event *loop)
{
        bool may_be_urgent = true;
        int code, r;

        while (sd_event_get_state(loop) != SD_EVENT_FINISHED) {
                r = run_once(loop, &may_be_urgent);
                if (r < 0)
                        return r;
        }
        r = sd_event_get_exit_code(loop, &code);
        return r < 0 ? r : code;
}
