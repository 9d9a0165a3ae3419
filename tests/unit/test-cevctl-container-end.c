/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "container-end.h"
#include "tap.h"

#define A     "aaaaaaaaaaaaaaaaaaaaaaaa"
#define AB    "aaaaaaaaaaaaaaaaaaaaaaab"
#define SHORT "aaaaaaaaaaaa"

/* "backlog" is for what comes late, and happened before all that came so far. */
typedef struct Step {
        const char *id;
        const char *status;
        int code; /* -2: none */
        bool backlog;
} Step;

#define NONE (-2)

typedef struct Row {
        const char *what;
        const char *id;
        Step steps[6];
        int last; /* what the last step gives */
        bool ended, known;
        int code;
} Row;

static const Row rows[] = {
        { "nothing was told", A, {}, 0, false, false, 0 },
        { "it runs", A, { { A, "create", NONE }, { A, "start", NONE } }, 0, false, false, 0 },
        { "it has died", A, { { A, "start", NONE }, { A, "died", 3 } }, 1, true, true, 3 },
        { "as others call it", A, { { A, "die", 3 } }, 1, true, true, 3 },
        { "the last death counts", A, { { A, "died", 3 }, { A, "died", 4 } }, 1, true, true, 4 },
        { "nobody said how",
          A,
          { { A, "died", 3 }, { A, "start", NONE }, { A, "died", NONE } },
          1,
          true,
          false,
          0 },
        { "it runs again", A, { { A, "died", 3 }, { A, "start", NONE } }, 0, false, false, 0 },
        { "it was restarted", A, { { A, "died", 3 }, { A, "restart", NONE } }, 0, false, false, 0 },
        { "it was removed", A, { { A, "died", 3 }, { A, "remove", NONE } }, 0, true, true, 3 },
        { "its removal repeats it", A, { { A, "died", 3 }, { A, "remove", 3 } }, 0, true, true, 3 },
        { "its removal says more", A, { { A, "died", NONE }, { A, "rm", 3 } }, 0, true, true, 3 },
        { "nobody told of its death",
          A,
          { { A, "start", NONE }, { A, "destroy", NONE } },
          1,
          true,
          false,
          0 },
        { "its removal tells of its death",
          A,
          { { A, "start", NONE }, { A, "remove", 9 } },
          1,
          true,
          true,
          9 },
        { "other words say nothing",
          A,
          { { A, "died", 3 }, { A, "exec_died", 5 } },
          0,
          true,
          true,
          3 },
        { "other containers neither",
          A,
          { { A, "died", 3 }, { AB, "died", 5 } },
          0,
          true,
          true,
          3 },
        { "the beginning of an ID", SHORT, { { A, "died", 3 } }, 1, true, true, 3 },
        { "of two", SHORT, { { A, "died", 3 }, { AB, "died", 5 } }, -ENOTUNIQ, true, true, 3 },
        { "a whole one is not ambiguous",
          SHORT,
          { { SHORT, "died", 3 }, { A, "died", 5 } },
          0,
          true,
          true,
          3 },
        { "nor does it stay so",
          SHORT,
          { { A, "died", 3 }, { SHORT, "start", NONE } },
          0,
          false,
          false,
          0 },
        { "what comes late was before",
          A,
          { { A, "died", 3 }, { A, "start", NONE, true } },
          0,
          true,
          true,
          3 },
};

static void check(const Row *row)
{
        ContainerEnd end = { .id = row->id };
        int r = 0;

        for (size_t i = 0; row->steps[i].id; i++) {
                const Step *step = &row->steps[i];
                Event e = {
                        .type = "container",
                        .status = step->status,
                        .id = step->id,
                        .time_nsec = step->backlog ? 1 : 10 + i,
                        .backlog = step->backlog,
                        .has_exit_code = step->code != NONE,
                        .exit_code = step->code != NONE ? step->code : 0,
                };

                r = container_end_look_at(&end, &e);
        }
        tap_eq_int(r, row->last, "%s: what the last event was", row->what);
        tap_eq_int(end.ended, row->ended, "%s: whether it has ended", row->what);
        tap_eq_int(end.known, row->known, "%s: whether the code is known", row->what);
        tap_eq_int(end.code, row->code, "%s: the code", row->what);
        container_end_done(&end);
}

static void test_what_is_known_before(void)
{
        ContainerEnd end = { .id = A, .ended = true, .known = true, .code = 3 };
        Event removed = { .type = "container", .status = "remove", .id = A };
        Event started = { .type = "container", .status = "start", .id = A };

        tap_eq_int(container_end_look_at(&end, &removed), 0, "it was removed");
        tap_ok(end.ended && end.known && end.code == 3, "the code stays");
        tap_eq_int(container_end_look_at(&end, &started), 0, "it was started");
        tap_ok(!end.ended && !end.known, "and runs");
        container_end_done(&end);
}

int main(void)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check(&rows[i]);
        test_what_is_known_before();
        return tap_done();
}
