/* SPDX-License-Identifier: Apache-2.0 */
#include "starter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "lane.h"
#include "report.h"
#include "unit-link.h"

/* Lanes that ask systemd for something at once. Each start is a question to polkit, which answers
 * one after the other. */
#define PLACES_MAX 16

struct Starter {
        LaneHost host; /* first, so that one is the other */
        UnitLink *link;
        Lane **lanes; /* owned, each */
        size_t n_lanes, n_allocated;
        unsigned n_places; /* taken */
        /* In the next turn of the loop: what was read together until then is stored together. */
        sd_event_source *chore;
        bool to_commit, to_turn, to_reap;
};

StartRequest *start_request_free(StartRequest *r)
{
        if (!r)
                return NULL;
        free(r->text);
        free(r->file);
        free(r->unit);
        free(r);
        return NULL;
}

/* ---- what lanes ask for ---- */

static void want_chore(Starter *s, bool *what)
{
        *what = true;
        (void)sd_event_source_set_enabled(s->chore, SD_EVENT_ONESHOT);
}

static bool take_place(LaneHost *host)
{
        Starter *s = (Starter *)host;

        if (s->n_places >= PLACES_MAX)
                return false;
        s->n_places++;
        return true;
}

static void leave_place(LaneHost *host)
{
        Starter *s = (Starter *)host;

        s->n_places--;
        want_chore(s, &s->to_turn);
}

static void want_commit(LaneHost *host)
{
        Starter *s = (Starter *)host;

        want_chore(s, &s->to_commit);
}

static void want_reap(LaneHost *host)
{
        Starter *s = (Starter *)host;

        want_chore(s, &s->to_reap);
}

/* ---- chores ---- */

/* Each owner stores once, however many of its starts there are. */
static void commit(Starter *s)
{
        for (size_t i = 0; i < s->n_lanes; i++) {
                StartOwner *owner = lane_get_committer(s->lanes[i]);
                bool stored = !owner;

                for (size_t j = 0; j < i && !stored; j++)
                        stored = lane_get_committer(s->lanes[j]) == owner;
                if (!stored)
                        owner->commit(owner);
        }
        for (size_t i = 0; i < s->n_lanes; i++)
                lane_committed(s->lanes[i]);
}

static void turn(Starter *s)
{
        for (size_t i = 0; i < s->n_lanes; i++)
                lane_turn(s->lanes[i]);
}

static void reap(Starter *s)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_lanes; i++) {
                if (lane_is_idle(s->lanes[i]))
                        lane_free(s->lanes[i]);
                else
                        s->lanes[n++] = s->lanes[i];
        }
        s->n_lanes = n;
}

static int on_chore(sd_event_source *source, void *userdata)
{
        Starter *s = userdata;

        if (s->to_commit) {
                s->to_commit = false;
                commit(s);
        }
        if (s->to_turn) {
                s->to_turn = false;
                turn(s);
        }
        if (s->to_reap) {
                s->to_reap = false;
                reap(s);
        }
        return 0;
}

static void on_link(UnitManager *manager, void *userdata)
{
        Starter *s = userdata;

        s->host.manager = manager;
        if (manager)
                want_chore(s, &s->to_turn);
        else
                report_notice("The connection to systemd is cut; starts wait for it.");
}

/* ---- requests ---- */

static int get_lane(Starter *s, const char *file, Lane **ret)
{
        Lane **more;
        int r;

        for (size_t i = 0; i < s->n_lanes; i++) {
                if (strcmp(lane_get_file(s->lanes[i]), file) == 0) {
                        *ret = s->lanes[i];
                        return 0;
                }
        }
        if (s->n_lanes == s->n_allocated) {
                size_t n = s->n_allocated ? 2 * s->n_allocated : 16;

                more = reallocarray(s->lanes, n, sizeof(Lane *));
                if (!more)
                        return -ENOMEM;
                s->lanes = more;
                s->n_allocated = n;
        }
        r = lane_new(&s->host, file, &s->lanes[s->n_lanes]);
        if (r < 0)
                return r;
        *ret = s->lanes[s->n_lanes++];
        return 0;
}

int starter_add(Starter *s, StartRequest *request)
{
        Lane *lane;
        int r;

        r = get_lane(s, request->file, &lane);
        if (r < 0)
                return r;
        lane_add(lane, request);
        want_chore(s, &s->to_turn);
        return 0;
}

void starter_forget(Starter *s, const StartOwner *owner)
{
        for (size_t i = 0; i < s->n_lanes; i++)
                lane_forget(s->lanes[i], owner);
        want_chore(s, &s->to_turn);
}

void starter_count(const Starter *s, unsigned *ret_waiting, unsigned *ret_running)
{
        unsigned waiting = 0, running = 0;

        for (size_t i = 0; i < s->n_lanes; i++) {
                waiting += lane_n_waiting(s->lanes[i]);
                running += lane_is_running(s->lanes[i]);
        }
        *ret_waiting = waiting;
        *ret_running = running;
}

unsigned starter_find_longest(const Starter *s, const StartOwner *owner, const char **ret_unit)
{
        unsigned longest = 0;

        for (size_t i = 0; i < s->n_lanes; i++) {
                const char *unit;
                unsigned n = lane_n_waiting_of(s->lanes[i], owner, &unit);

                if (n <= longest)
                        continue;
                longest = n;
                *ret_unit = unit;
        }
        return longest;
}

/* ---- life ---- */

static int find_running(const char *file, const char *unit, void *userdata)
{
        Starter *s = userdata;
        Lane *lane;
        int r;

        r = get_lane(s, file, &lane);
        return r < 0 ? r : lane_set_running(lane, unit);
}

Starter *starter_free(Starter *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_lanes; i++)
                lane_free(s->lanes[i]);
        free(s->lanes);
        unit_link_free(s->link);
        sd_event_source_disable_unref(s->chore);
        sd_event_unref(s->host.loop);
        free(s);
        return NULL;
}

static void starter_freep(Starter **s)
{
        starter_free(*s);
}

int starter_new(sd_event *loop, EnvironmentFolder *folder, Starter **ret)
{
        _cleanup_(starter_freep) Starter *s = NULL;
        int r;

        s = calloc(1, sizeof(Starter));
        if (!s)
                return -ENOMEM;
        s->host = (LaneHost){
                .loop = sd_event_ref(loop),
                .folder = folder,
                .take_place = take_place,
                .leave_place = leave_place,
                .want_commit = want_commit,
                .idle = want_reap,
        };
        r = sd_id128_get_boot(&s->host.boot);
        if (r >= 0)
                r = sd_event_add_defer(loop, &s->chore, on_chore, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->chore, SD_EVENT_OFF);
        if (r >= 0)
                r = environment_folder_for_each(folder, find_running, s);
        if (r >= 0)
                r = unit_link_new(loop, false, on_link, s, &s->link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}
