/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turn.h"
#include "scratch.h"
#include "tap.h"

/* What ran, a letter each. */
static char ran[64];

typedef struct Worker {
        Turn turn;
        char letter;
        unsigned n_more; /* how often it wants to go on */
} Worker;

static void on_turn(void *userdata)
{
        Worker *worker = userdata;
        size_t n = strlen(ran);

        must(n + 1 < sizeof(ran));
        ran[n] = worker->letter;
        ran[n + 1] = '\0';
        if (worker->n_more > 0) {
                worker->n_more--;
                turn_schedule(&worker->turn);
                turn_schedule(&worker->turn);
        }
}

static const char *run(sd_event *loop)
{
        ran[0] = '\0';
        while (sd_event_run(loop, 0) > 0)
                ;
        return ran;
}

static void test_a_turn_runs_when_it_is_asked_to(void)
{
        Worker worker = { .letter = 'a' };
        sd_event *loop = NULL;

        must(sd_event_new(&loop) >= 0);
        tap_ok(turn_init(&worker.turn, loop, on_turn, &worker) >= 0, "it is made");
        tap_eq_str(run(loop), "", "and does not run");
        turn_schedule(&worker.turn);
        turn_schedule(&worker.turn);
        tap_eq_str(run(loop), "a", "asked twice, it runs once");
        tap_eq_str(run(loop), "", "and no more");
        worker.n_more = 3;
        turn_schedule(&worker.turn);
        tap_eq_str(run(loop), "aaaa", "it may go on");
        turn_schedule(&worker.turn);
        turn_done(&worker.turn);
        tap_eq_str(run(loop), "", "it ends before it ran");
        sd_event_unref(loop);
}

static void test_turns_are_taken(void)
{
        Worker a = { .letter = 'a', .n_more = 3 }, b = { .letter = 'b', .n_more = 3 },
               c = { .letter = 'c' };
        sd_event *loop = NULL;

        must(sd_event_new(&loop) >= 0);
        must(turn_init(&a.turn, loop, on_turn, &a) >= 0 &&
             turn_init(&b.turn, loop, on_turn, &b) >= 0 &&
             turn_init(&c.turn, loop, on_turn, &c) >= 0);
        turn_schedule(&a.turn);
        turn_schedule(&b.turn);
        turn_schedule(&c.turn);
        tap_eq_str(run(loop), "abcababab", "nobody goes before those that wait");
        turn_done(&a.turn);
        turn_done(&b.turn);
        turn_done(&c.turn);
        sd_event_unref(loop);
}

static int on_defer(sd_event_source *source, void *userdata)
{
        strcat(ran, "d");
        return 0;
}

static void test_what_else_is_pending_gets_its_turn(void)
{
        Worker worker = { .letter = 'a', .n_more = 4 };
        sd_event_source *defer = NULL;
        sd_event *loop = NULL;

        must(sd_event_new(&loop) >= 0);
        must(turn_init(&worker.turn, loop, on_turn, &worker) >= 0);
        turn_schedule(&worker.turn);
        must(sd_event_add_defer(loop, &defer, on_defer, NULL) >= 0);
        tap_eq_str(run(loop), "adaaaa", "before the second turn");
        sd_event_source_unref(defer);
        turn_done(&worker.turn);
        sd_event_unref(loop);
}

static void test_one_that_never_was(void)
{
        Turn turn = {};

        turn_done(&turn);
        tap_ok(true, "is let go too");
}

int main(void)
{
        test_a_turn_runs_when_it_is_asked_to();
        test_turns_are_taken();
        test_what_else_is_pending_gets_its_turn();
        test_one_that_never_was();
        return tap_done();
}
