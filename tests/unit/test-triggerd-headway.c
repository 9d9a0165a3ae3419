/* SPDX-License-Identifier: Apache-2.0 */
/* How far a trigger has come, across ends of the daemon. */
#include "headway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "tap.h"

#define HISTORY "c38f2e324434448aa2746f6aaf67f398"
#define OTHER   "00000000000000000000000000000001"

static const Intent intent = {
        .boot = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10),
        .before = SD_ID128_MAKE(aa, bb, cc, dd, ee, ff, 00, 11, 22, 33, 44, 55, 66, 77, 88, 99),
        .usec = UINT64_C(1795342745973949),
};

static const char *cursor(const char *history, uint64_t seq)
{
        static char text[64];

        snprintf(text, sizeof(text), "%s:%" PRIu64, history, seq);
        return text;
}

static void take(Headway *h, uint64_t seq, uint64_t token)
{
        tap_eq_int(headway_take(h, seq, cursor(HISTORY, seq), token), 0, "event %" PRIu64, seq);
}

/* As another process would find it. */
static void restart(Headway **h)
{
        _cleanup_free_ char *text = NULL;

        tap_eq_int(headway_to_text(*h, &text), 0, "it is text");
        headway_free(*h);
        *h = NULL;
        tap_eq_int(headway_from_text(text, h), 0, "it is read back");
}

static HeadwayKnown ask(const Headway *h, uint64_t seq)
{
        Intent found = {};
        HeadwayKnown known = headway_ask(h, seq, cursor(HISTORY, seq), 5000, &found);

        if (known == HEADWAY_INTENDED)
                tap_ok(sd_id128_equal(found.boot, intent.boot) &&
                               sd_id128_equal(found.before, intent.before) &&
                               found.usec == intent.usec,
                       "the intent is as it was");
        return known;
}

static bool was_done(const Headway *h, uint64_t seq)
{
        return ask(h, seq) == HEADWAY_DONE;
}

static bool had_intent(const Headway *h, uint64_t seq)
{
        return ask(h, seq) == HEADWAY_INTENDED;
}

static bool had_passed(const Headway *h, uint64_t seq)
{
        return ask(h, seq) == HEADWAY_PASSED;
}

static void test_cursor(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;

        tap_eq_int(headway_new(&h), 0, "new");
        tap_eq_str(headway_get_cursor(h), NULL, "nothing is known");
        headway_advance(h, cursor(HISTORY, 5));
        tap_eq_str(headway_get_cursor(h), HISTORY ":5", "nothing matched until here");
        take(h, 7, 1);
        tap_eq_str(headway_get_cursor(h), HISTORY ":5", "an event that waits holds it");
        headway_advance(h, cursor(HISTORY, 9));
        tap_eq_str(headway_get_cursor(h), HISTORY ":5", "whatever follows");
        take(h, 10, 0);
        take(h, 12, 2);
        headway_done(h, 2);
        tap_eq_str(headway_get_cursor(h), HISTORY ":5", "and whatever else is dealt with");
        headway_done(h, 1);
        tap_eq_str(headway_get_cursor(h), HISTORY ":12", "until it is dealt with itself");
        headway_done(h, 1);
        restart(&h);
        tap_eq_str(headway_get_cursor(h), HISTORY ":12", "it is kept");
        tap_ok(!was_done(h, 12), "what is before it is not");
}

static void test_out_of_order(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;

        headway_new(&h);
        headway_advance(h, cursor(HISTORY, 1));
        take(h, 2, 1);
        take(h, 3, 2);
        take(h, 4, 0);
        take(h, 5, 3);
        take(h, 6, 4);
        headway_intend(h, 2, &intent);
        headway_intend(h, 3, &intent);
        headway_done(h, 3);
        restart(&h);
        tap_ok(had_passed(h, 2), "one waited");
        tap_ok(had_intent(h, 3), "one may have been started");
        tap_ok(was_done(h, 4), "one led to nothing");
        tap_ok(was_done(h, 5), "one was started");
        tap_ok(had_passed(h, 6), "one waited behind it");
        tap_eq_int(ask(h, 7), HEADWAY_NEW, "one is new");

        /* A second crash, when not all of them were met. */
        take(h, 2, 1);
        restart(&h);
        tap_ok(!was_done(h, 2) && had_intent(h, 3) && was_done(h, 4) && was_done(h, 5) &&
                       had_passed(h, 6),
               "it is known after another restart");

        /* A third one, when what may have been started was met, and not resolved. */
        take(h, 2, 1);
        take(h, 3, 2);
        restart(&h);
        tap_ok(had_intent(h, 3) && was_done(h, 4), "and after a third");
}

static void test_coalesced(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;

        headway_new(&h);
        headway_advance(h, cursor(HISTORY, 1));
        for (uint64_t seq = 2; seq < 1000; seq++)
                headway_take(h, seq, cursor(HISTORY, seq), 1);
        tap_eq_int(headway_n_entries(h), 1, "one start is one entry");
        take(h, 1000, 2);
        take(h, 1001, 1);
        restart(&h);
        tap_ok(had_passed(h, 2) && had_passed(h, 1001), "until it is about to be, all wait");
        for (uint64_t seq = 2; seq < 1000; seq++)
                headway_take(h, seq, cursor(HISTORY, seq), 1);
        take(h, 1000, 2);
        take(h, 1001, 1);
        headway_intend(h, 1, &intent);
        restart(&h);
        tap_ok(was_done(h, 2) && was_done(h, 999), "then the last stands for all");
        tap_ok(had_passed(h, 1000), "but for those of others");
        tap_ok(had_intent(h, 1001), "and may have been started");
}

static void test_full(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;
        uint64_t seq = 1;

        headway_new(&h);
        while (!headway_is_full(h) && headway_take(h, seq, cursor(HISTORY, seq), seq) >= 0)
                seq++;
        tap_eq_u64(seq, HEADWAY_ENTRIES_MAX + 1, "so many wait");
        tap_eq_int(headway_take(h, seq, cursor(HISTORY, seq), seq), -ENOBUFS, "and no more");
        headway_done(h, 1);
        tap_ok(!headway_is_full(h), "there is room when one is dealt with");
        for (uint64_t i = 2; i < seq; i++)
                headway_intend(h, i, &intent);
        restart(&h);
        tap_ok(had_intent(h, 2) && had_intent(h, seq - 1), "all of them are kept");
}

static void test_other_history(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;

        headway_new(&h);
        headway_advance(h, cursor(HISTORY, 1));
        take(h, 2, 1);
        take(h, 3, 0);
        restart(&h);
        tap_eq_int(headway_ask(h, 3, cursor(OTHER, 3), 5000, NULL), HEADWAY_NEW,
                   "a number of another history is new");
        tap_eq_int(headway_take(h, 1, cursor(OTHER, 1), 1), 0, "its first event");
        tap_eq_str(headway_get_cursor(h), "", "it is read from its beginning");
        tap_ok(!was_done(h, 3), "the old one is forgotten");
        restart(&h);
        tap_eq_str(headway_get_cursor(h), "", "also after a restart");
        headway_take(h, 1, cursor(OTHER, 1), 0);
        tap_eq_str(headway_get_cursor(h), OTHER ":1", "and goes on from there");
        headway_take(h, 2, cursor(OTHER, 2), 1);
        headway_advance(h, cursor(HISTORY, 7));
        tap_eq_str(headway_get_cursor(h), HISTORY ":7", "or where nothing matches in a third");
}

/* The journal may give events that were met new numbers. */
static void test_renumbered(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;

        headway_new(&h);
        tap_eq_int(headway_ask(h, 1, cursor(HISTORY, 1), 0, NULL), HEADWAY_NEW, "the first");
        headway_advance(h, cursor(HISTORY, 1));
        headway_set_met(h, 4000);
        headway_set_met(h, 3000);
        tap_eq_int(headway_ask(h, 3, cursor(HISTORY, 3), 3999, NULL), HEADWAY_NEW,
                   "an old event that is new");
        restart(&h);
        tap_eq_int(headway_ask(h, 1, cursor(OTHER, 1), 3999, NULL), HEADWAY_DONE,
                   "one of another history that was met");
        tap_eq_int(headway_ask(h, 1, cursor(OTHER, 1), 4000, NULL), HEADWAY_NEW,
                   "and one that was not");
        headway_take(h, 1, cursor(OTHER, 1), 0);
        headway_set_met(h, 9000);
        restart(&h);
        tap_eq_int(headway_ask(h, 2, cursor(OTHER, 2), 3999, NULL), HEADWAY_DONE,
                   "another one that was met");
        tap_eq_int(headway_ask(h, 2, cursor(OTHER, 2), 4001, NULL), HEADWAY_NEW,
                   "and another that was not");
}

static void test_limit(void)
{
        _cleanup_(headway_freep) Headway *h = NULL;
        RateLimit *limit;

        headway_new(&h);
        headway_advance(h, cursor(HISTORY, 1));
        limit = headway_get_limit(h);
        *limit = (RateLimit){ .interval_usec = 1000, .burst = 1 };
        tap_ok(rate_limit_take(limit, 5000, 2), "one passes");
        take(h, 2, 1);
        tap_ok(!rate_limit_take(limit, 5001, 3), "and one does not");
        take(h, 3, 0);
        restart(&h);
        tap_ok(had_passed(h, 2) && was_done(h, 3), "which is known");
        limit = headway_get_limit(h);
        limit->interval_usec = 1000;
        limit->burst = 1;
        tap_ok(!rate_limit_take(limit, 5002, 4), "the limit holds");
        tap_eq_u64(limit->left_out, 2, "and goes on counting");
        tap_eq_u64(limit->first_seq, 3, "from the first");
}

static void test_text(void)
{
        static const char *const bad[] = {
                "",
                "containers-events-triggerd 2\n",
                "containers-events-triggerd 1\ncursor\n",
                "containers-events-triggerd 1\ndone 1\n",
                "containers-events-triggerd 1\ndone 2 1\n",
                "containers-events-triggerd 1\ndone 1 2 3\n",
                "containers-events-triggerd 1\ndone -1 2\n",
                "containers-events-triggerd 1\ndone 1 99999999999999999999\n",
                "containers-events-triggerd 1\nintent 1 x y 3\n",
                "containers-events-triggerd 1\nnonsense\n",
                "containers-events-triggerd 1\nlimit 1 2 3 4\n",
                "containers-events-triggerd 1\nlimit 1 99999999999 3 4 5\n",
                "containers-events-triggerd 1\npassed 1\n",
                "containers-events-triggerd 1\nmet 1\n",
                "containers-events-triggerd 1\ncursor a:1\ncursor a:2\n",
                "containers-events-triggerd 1\ncursor a:1\n\nhistory a\n",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                _cleanup_(headway_freep) Headway *h = NULL;

                tap_eq_int(headway_from_text(bad[i], &h), -EBADMSG, "bad text %zu", i);
        }
}

int main(void)
{
        test_cursor();
        test_out_of_order();
        test_coalesced();
        test_full();
        test_other_history();
        test_renumbered();
        test_limit();
        test_text();
        return tap_done();
}
