/* SPDX-License-Identifier: Apache-2.0 */
#include "log/retention.h"
#include "model/timestamp.h"
#include "scratch.h"
#include "tap.h"

#define DAY (UINT64_C(24) * 3600 * NSEC_PER_SEC)
#define NOW (UINT64_C(1000) * DAY)

/*
 * Segments as text, each of 10 bytes: "f" with what floods, "t" thinned, "a" the active one; behind
 * it how many days ago it was written to, or for the active one, started.
 */
static size_t segments_of(const char *text, Segment *segments)
{
        size_t n = 0;

        for (const char *p = text; *p; n++) {
                char *end;
                uint64_t when = NOW - strtoul(p + 1, &end, 10) * DAY;

                segments[n] = (Segment){ .id = n + 1,
                                         .first_seq = n + 1,
                                         .size = 10,
                                         .active = *p == 'a',
                                         .thinned = *p == 't',
                                         .written_nsec = when,
                                         .started_nsec = when };
                p = end + (*end == ' ');
        }
        return n;
}

static void test_what_goes_next(void)
{
        static const struct {
                const char *label, *segments;
                uint64_t max_size, max_age, keep_free, free;
                RetentionStep step;
                size_t index;
        } rows[] = {
                { "no history", "", 0, 0, 0, 0, RETENTION_NOTHING, 0 },
                { "all fits", "f9 f8 a7", 30, 0, 0, 0, RETENTION_NOTHING, 0 },
                { "it is too large: the oldest is thinned", "f9 f8 f7 a6", 39, 0, 0, 0,
                  RETENTION_THIN, 0 },
                { "the oldest that can be", "t9 t8 f7 f6 a5", 49, 0, 0, 0, RETENTION_THIN, 2 },
                { "none can be: the oldest goes", "t9 t8 t7 f6 a5", 49, 0, 0, 0, RETENTION_SPACE,
                  0 },
                { "the newest sealed one is not thinned", "f9 a8", 19, 0, 0, 0, RETENTION_SPACE,
                  0 },
                { "the active one stays", "a9", 1, 0, 0, 0, RETENTION_NOTHING, 0 },
                { "there is room", "f9 f8 a7", 99, 0, 5, 5, RETENTION_NOTHING, 0 },
                { "there is not: the oldest is thinned", "f9 f8 a7", 99, 0, 5, 4, RETENTION_THIN,
                  0 },
                { "or goes", "t9 f8 a7", 99, 0, 5, 4, RETENTION_SPACE, 0 },
                { "but for the last two", "t9 a8", 99, 0, 5, 0, RETENTION_NOTHING, 0 },
                { "unless the history is too large, too", "t9 a8", 19, 0, 5, 0, RETENTION_SPACE,
                  0 },
                { "nothing is too old", "f10 f8 a1", 99, 10, 0, 0, RETENTION_NOTHING, 0 },
                { "one is", "f11 f8 a1", 99, 10, 0, 0, RETENTION_AGE, 0 },
                { "not one in the middle, whatever the clock was", "f1 f11 f8 a1", 99, 10, 0, 0,
                  RETENTION_NOTHING, 0 },
                { "before anything else", "t11 f8 f7 a1", 1, 10, 0, 0, RETENTION_AGE, 0 },
                { "nobody knows how old it is", "f1000 a1", 99, 10, 0, 0, RETENTION_NOTHING, 0 },
                { "the active one is never removed", "a500", 99, 10, 0, 0, RETENTION_SEAL, 0 },
                { "but sealed in time", "f9 a2", 99, 10, 0, 0, RETENTION_SEAL, 1 },
                { "not before", "f9 a1", 99, 10, 0, 0, RETENTION_NOTHING, 0 },
                { "nor if nobody knows", "f9 a1000", 99, 10, 0, 0, RETENTION_NOTHING, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const RetentionLimits limits = { .max_size = rows[i].max_size,
                                                 .max_age_nsec = rows[i].max_age * DAY,
                                                 .keep_free = rows[i].keep_free };
                RetentionView view = { .now_nsec = NOW, .free = rows[i].free };
                Segment segments[8];
                size_t index = 0;

                view.segments = segments;
                view.n_segments = segments_of(rows[i].segments, segments);
                tap_eq_int(retention_next(&limits, &view, &index), rows[i].step, "%s",
                           rows[i].label);
                tap_eq_u64(index, rows[i].index, "the right one");
        }
}

static void test_exit_codes_go_late(void)
{
        static const struct {
                const char *label;
                uint64_t days, newer_execs, size;
                bool expired;
        } rows[] = {
                { "young and few", 1, 10, 1, false },
                { "old and few", 1000, 999999, 1, false },
                { "young and many", 90, 5000000, 1, false },
                { "old and many", 91, 1000000, 1, true },
                { "young and many, and too large", 1, 5000000, RETENTION_EXITS_SIZE, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const Segment exits[] = {
                        { .size = 1, .written_nsec = NOW - rows[i].days * DAY, .n_execs = 7 },
                        { .size = rows[i].size, .n_execs = rows[i].newer_execs },
                };

                tap_ok(retention_exits_expired(exits, 2, NOW) == rows[i].expired, "%s",
                       rows[i].label);
        }
        tap_ok(!retention_exits_expired(NULL, 0, NOW), "none at all");
}

static void test_what_may_become_one(void)
{
        const RetentionLimits none = {}, week = { .max_age_nsec = 8 * DAY };
        Segment segments[3];

        segments_of("t9 f7 f8", segments);
        tap_ok(retention_may_merge(&none, segments, segments + 1), "a thinned one and the next");
        tap_ok(!retention_may_merge(&none, segments + 1, segments + 2), "not one that is not");
        tap_ok(!retention_may_merge(&week, segments, segments + 1), "nor of another age");
        tap_ok(retention_may_merge(&week, segments, segments + 2), "but of nearly the same");
}

int main(void)
{
        test_what_goes_next();
        test_exit_codes_go_late();
        test_what_may_become_one();
        return tap_done();
}
