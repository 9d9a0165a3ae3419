/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tap.h"
#include "watch.h"

#define SEC UINT64_C(1000000)

#define STABLE (30 * SEC)
#define HEALTH (180 * SEC)

/* When the restart was asked for, and when it was done: of two clocks. */
#define SINCE 5000
#define BEGUN (1000 * SEC)

static Change changes[] = {
        { .container = (char *)"web", .old_image = (char *)"old", .new_image = (char *)"new" },
        { .container = (char *)"db", .old_image = (char *)"old", .new_image = (char *)"new" },
};

static UnitPlan plan = { .unit = (char *)"web.service", .changes = changes, .n = 1 };

static Watch *begin(size_t n, bool rolled_back)
{
        WatchOptions options = {
                .plan = &plan,
                .rolled_back = rolled_back,
                .since_nsec = SINCE,
                .stable_usec = STABLE,
                .health_usec = HEALTH,
        };
        Watch *w = NULL;

        plan.n = n;
        if (watch_new(&options, &w) < 0)
                abort();
        return w;
}

static void hear(Watch *w, const char *status, const char *id, const char *name, uint64_t nsec,
                 const char *health)
{
        const WatchEvent e = {
                .status = status,
                .id = id,
                .name = name,
                .unit = "web.service",
                .health = health,
                .time_nsec = nsec,
                .exit_code = 7,
                .has_exit_code = true,
        };

        if (watch_event(w, &e) < 0)
                abort();
}

static void test_who_runs_long_enough_is_well(void)
{
        const WatchLook look = { .id = "2", .image_id = "new", .health = "", .running = true };
        Watch *w = begin(1, false);

        tap_eq_u64(watch_deadline(w), UINT64_MAX, "no deadline before it has begun");
        hear(w, "start", "2", "web", SINCE + 1, NULL);
        tap_eq_int(watch_state(w, BEGUN), WATCH_WAITING, "systemd is not done");
        watch_begin(w, BEGUN);
        tap_eq_u64(watch_deadline(w), BEGUN + STABLE, "then it has its time");
        tap_eq_int(watch_state(w, BEGUN + STABLE - 1), WATCH_WAITING, "all of it");
        tap_eq_int(watch_state(w, BEGUN + STABLE), WATCH_LOOK, "and is looked at");
        (void)watch_look(w, &look, BEGUN + STABLE);
        tap_eq_int(watch_state(w, BEGUN + STABLE), WATCH_WELL, "it is well");
        watch_free(w);
}

static void test_deaths(void)
{
        Watch *w = begin(1, false);

        hear(w, "died", "1", "web", SINCE + 1, NULL);
        tap_eq_int(watch_state(w, BEGUN), WATCH_WAITING, "the old one may end");
        hear(w, "start", "0", "web", SINCE - 1, NULL);
        hear(w, "died", "0", "web", SINCE + 2, NULL);
        tap_eq_int(watch_state(w, BEGUN), WATCH_WAITING, "so may what was started before");
        hear(w, "create", "2", "web", SINCE, NULL);
        hear(w, "died", "2", "web", SINCE + 3, NULL);
        tap_eq_int(watch_state(w, BEGUN), WATCH_FAILED, "the new one may not");
        tap_eq_str(watch_problem(w), "the container web ended with exit code 7", "why");
        hear(w, "health_status", "2", "web", SINCE + 4, "unhealthy");
        tap_eq_str(watch_problem(w), "the container web ended with exit code 7",
                   "the first counts");
        watch_free(w);

        w = begin(1, false);
        const WatchEvent other = {
                .status = "start", .id = "9", .name = "x", .unit = "x.service", .time_nsec = SINCE
        };
        const WatchEvent its_death = { .status = "died", .id = "9", .name = "x" };
        (void)watch_event(w, &other);
        (void)watch_event(w, &its_death);
        tap_eq_int(watch_state(w, BEGUN), WATCH_WAITING, "others do as they like");
        hear(w, "init", "3", "unnamed_one", SINCE, NULL);
        hear(w, "died", "3", "unnamed_one", SINCE, NULL);
        tap_eq_int(watch_state(w, BEGUN), WATCH_FAILED, "the unit's others are watched, too");
        watch_free(w);
}

static void test_health(void)
{
        WatchLook look = { .id = "2", .image_id = "new", .health = "healthy", .running = true };
        Watch *w = begin(1, false);

        watch_begin(w, BEGUN);
        hear(w, "start", "2", "web", SINCE, NULL);
        hear(w, "health_status", "2", "web", SINCE, "starting");
        tap_eq_int(watch_state(w, BEGUN), WATCH_WAITING, "who starts is waited for");
        hear(w, "health_status", "2", "web", SINCE, "healthy");
        tap_eq_int(watch_state(w, BEGUN + 1), WATCH_LOOK, "who says he is healthy is looked at");
        (void)watch_look(w, &look, BEGUN + 1);
        tap_eq_int(watch_state(w, BEGUN + 1), WATCH_WELL, "before the time");
        watch_free(w);

        w = begin(1, false);
        watch_begin(w, BEGUN);
        look.health = "starting";
        (void)watch_look(w, &look, BEGUN + STABLE);
        tap_eq_int(watch_state(w, BEGUN + STABLE), WATCH_WAITING, "who was not checked yet");
        tap_eq_u64(watch_deadline(w), BEGUN + HEALTH, "has a time of his own");
        (void)watch_look(w, &look, BEGUN + HEALTH);
        tap_eq_int(watch_state(w, BEGUN + HEALTH), WATCH_FAILED, "and no more");
        watch_free(w);

        w = begin(1, false);
        watch_begin(w, BEGUN);
        hear(w, "start", "2", "web", SINCE, NULL);
        hear(w, "health_status", "2", "web", SINCE, "unhealthy");
        tap_eq_int(watch_state(w, BEGUN), WATCH_FAILED, "who says he is ill has failed");
        watch_free(w);
}

static void test_two_of_which_one_has_a_health_check(void)
{
        WatchLook looks[] = {
                { .id = "2", .image_id = "new", .health = "starting", .running = true },
                { .id = "3", .image_id = "new", .health = "", .running = true },
        };
        Watch *w = begin(2, false);

        watch_begin(w, BEGUN);
        hear(w, "start", "2", "web", SINCE, NULL);
        (void)watch_look(w, looks, BEGUN + STABLE);
        tap_eq_int(watch_state(w, BEGUN + STABLE), WATCH_WAITING, "one is waited for");
        hear(w, "health_status", "2", "web", SINCE, "healthy");
        tap_eq_int(watch_state(w, BEGUN + STABLE), WATCH_LOOK, "until it has answered");
        (void)watch_look(w, looks, BEGUN + STABLE);
        tap_eq_int(watch_state(w, BEGUN + STABLE), WATCH_WELL, "and then both are well");
        watch_free(w);
}

static void test_what_a_look_finds(void)
{
        static const struct {
                const char *what;
                WatchLook look;
                bool rolled_back;
                WatchState state;
        } rows[] = {
                { "nobody", {}, false, WATCH_FAILED },
                { "who does not run",
                  { .id = "2", .image_id = "new", .health = "" },
                  false,
                  WATCH_FAILED },
                { "the old image",
                  { .id = "2", .image_id = "old", .health = "", .running = true },
                  false,
                  WATCH_FAILED },
                { "the old image, after rolling back",
                  { .id = "2", .image_id = "old", .health = "", .running = true },
                  true,
                  WATCH_WELL },
                { "the new image, after rolling back",
                  { .id = "2", .image_id = "new", .health = "", .running = true },
                  true,
                  WATCH_FAILED },
                { "who is ill",
                  { .id = "2", .image_id = "new", .health = "unhealthy", .running = true },
                  false,
                  WATCH_FAILED },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Watch *w = begin(1, rows[i].rolled_back);

                watch_begin(w, BEGUN);
                (void)watch_look(w, &rows[i].look, BEGUN + STABLE);
                tap_eq_int(watch_state(w, BEGUN + STABLE), rows[i].state, "%s", rows[i].what);
                watch_free(w);
        }
}

int main(void)
{
        test_who_runs_long_enough_is_well();
        test_deaths();
        test_health();
        test_two_of_which_one_has_a_health_check();
        test_what_a_look_finds();
        return tap_done();
}
