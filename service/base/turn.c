/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turn.h"

static int on_turn(sd_event_source *source, void *userdata)
{
        Turn *turn = userdata;

        turn->scheduled = false;
        turn->run(turn->userdata);
        return 0;
}

int turn_init(Turn *turn, sd_event *loop, void (*run)(void *userdata), void *userdata)
{
        int r;

        *turn = (Turn){ .loop = loop, .run = run, .userdata = userdata };
        r = sd_event_add_defer(loop, &turn->source, on_turn, turn);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(turn->source, SD_EVENT_OFF);
}

void turn_done(Turn *turn)
{
        turn->source = sd_event_source_disable_unref(turn->source);
}

void turn_schedule(Turn *turn)
{
        sd_event_source *fresh;

        if (turn->scheduled)
                return;

        turn->scheduled = true;
        if (sd_event_add_defer(turn->loop, &fresh, on_turn, turn) < 0) {
                /* Without memory: unfair, but not deaf. */
                sd_event_source_set_enabled(turn->source, SD_EVENT_ONESHOT);
                return;
        }
        sd_event_source_disable_unref(turn->source);
        turn->source = fresh;
}
