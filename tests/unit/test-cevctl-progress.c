/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"
#include "tap.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static Progress at(const char *cursor, bool ask_always)
{
        Progress p = {};

        tap_eq_int(progress_init(&p, cursor, ask_always), 0, "a reader at %s",
                   cursor ?: "no place");
        return p;
}

static Step page(Progress *p, const char *cursor, bool more)
{
        Step next = STEP_DELIVER;

        tap_eq_int(progress_page(p, cursor, more, &next), 0, "a page up to %s", cursor);
        return next;
}

static void test_signals_in_order_are_delivered(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(progress_heard(&p, 8, 0), STEP_DELIVER, "the next one is delivered");
        tap_eq_int(progress_delivered(&p, 8), 0, "it is done");
        tap_eq_str(p.cursor, A ":8", "the cursor is behind it");
        tap_eq_int(progress_heard(&p, 9, 0), STEP_DELIVER, "and the one after it");
        progress_done(&p);
}

static void test_a_known_number_is_ignored(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(progress_heard(&p, 7, 0), STEP_IGNORE, "the last one again");
        tap_eq_int(progress_heard(&p, 1, 0), STEP_IGNORE, "an old one");
        tap_eq_str(p.cursor, A ":7", "the cursor stands still");
        progress_done(&p);
}

static void test_a_jump_leads_to_the_history(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(progress_heard(&p, 9, 0), STEP_ASK, "a number is missing");
        tap_eq_int(page(&p, A ":9", false), STEP_IGNORE, "the history has both");
        tap_eq_int(progress_heard(&p, 9, 0), STEP_IGNORE, "the signal itself is known then");
        tap_eq_int(progress_heard(&p, 10, 0), STEP_DELIVER, "and it goes on");
        progress_done(&p);
}

static void test_what_is_not_signalled_is_not_missing(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(progress_heard(&p, 11, 2), STEP_ASK, "8 is missing, before 9 and 10");
        tap_eq_int(progress_heard(&p, 11, 3), STEP_DELIVER, "nothing is");
        tap_eq_int(progress_delivered(&p, 11), 0, "it is done");
        tap_eq_str(p.cursor, A ":11", "the cursor is behind it");
        tap_eq_int(progress_heard(&p, 13, 9), STEP_DELIVER, "some of them are known");
        tap_eq_int(progress_heard_unrecorded(&p, 14, 2), STEP_DELIVER, "nor is it recorded yet");
        tap_eq_int(progress_heard_unrecorded(&p, 14, 1), STEP_ASK, "12 is missing");
        tap_eq_int(progress_heard(&p, 11, UINT32_MAX), STEP_IGNORE, "a known one, for all that");
        tap_eq_int(progress_heard(&p, UINT64_MAX, UINT32_MAX), STEP_ASK, "too far away");
        progress_done(&p);
}

static void test_with_filters_each_signal_leads_to_the_history(void)
{
        Progress p = at(A ":7", true);

        tap_eq_int(progress_heard(&p, 8, 0), STEP_ASK, "whether it matches, the service knows");
        tap_eq_int(page(&p, A ":8", false), STEP_IGNORE, "it has been looked at");
        tap_eq_int(progress_heard(&p, 8, 0), STEP_IGNORE, "so it is known");
        progress_done(&p);
}

static void test_pages_go_on_to_the_end(void)
{
        Progress p = at(NULL, false);

        tap_ok(!p.cursor, "the first question is by time");
        tap_eq_int(page(&p, A ":1000", true), STEP_ASK, "there is more");
        tap_eq_int(page(&p, A ":1500", false), STEP_IGNORE, "that was all");
        tap_eq_u64(p.last, 1500, "the last number");
        progress_done(&p);
}

static void test_what_was_heard_meanwhile_is_asked_for(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(progress_heard(&p, 20, 0), STEP_ASK, "a jump");
        tap_eq_int(progress_heard(&p, 25, 0), STEP_ASK, "and on, while the page is on its way");
        tap_eq_int(page(&p, A ":20", false), STEP_ASK, "the page is not up to date");
        tap_eq_int(page(&p, A ":25", false), STEP_IGNORE, "the next one is");
        progress_done(&p);
}

/* A service that goes wrong must not make us ask in a circle. */
static void test_no_progress_is_a_rest(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(page(&p, A ":7", true), STEP_REST, "more, but the cursor stands still");
        (void)progress_heard(&p, 9, 0);
        tap_eq_int(page(&p, A ":7", false), STEP_REST, "signalled, but not in the history");
        tap_eq_int(page(&p, A ":9", false), STEP_IGNORE, "now it is");
        progress_done(&p);
}

static void test_a_new_history_begins_anew(void)
{
        Progress p = at(A ":700", false);

        (void)progress_heard(&p, 701, 0);
        progress_new_owner(&p);
        tap_eq_int(progress_start(&p, ""), 0, "the cursor has expired");
        tap_eq_str(p.cursor, "", "so we go on from the oldest");
        tap_eq_int(progress_heard(&p, 3, 0), STEP_ASK, "small numbers are not old ones");
        tap_eq_int(page(&p, B ":3", false), STEP_IGNORE, "the new history");
        tap_eq_int(progress_heard(&p, 4, 0), STEP_DELIVER, "is followed");
        tap_eq_int(progress_delivered(&p, 4), 0, "it is done");
        tap_eq_str(p.cursor, B ":4", "with its own cursors");
        progress_done(&p);
}

static void test_a_cursor_of_another_form_is_kept_as_it_is(void)
{
        Progress p = at("place 9", false);

        tap_eq_int(progress_heard(&p, 1, 0), STEP_ASK, "without numbers we can only ask");
        tap_eq_int(page(&p, "place 10", false), STEP_IGNORE, "a page moves it");
        tap_eq_str(p.cursor, "place 10", "to where the service says");
        tap_eq_int(progress_heard(&p, 2, 0), STEP_ASK, "and so on");
        progress_done(&p);
}

static void test_what_is_not_recorded_yet_is_delivered_in_order(void)
{
        Progress p = at(A ":7", false);

        tap_eq_int(progress_heard_unrecorded(&p, 8, 0), STEP_DELIVER, "the next one is delivered");
        tap_eq_int(progress_delivered(&p, 8), 0, "it is done");
        tap_eq_int(page(&p, A ":8", false), STEP_IGNORE, "the history need not have it");
        tap_eq_int(progress_heard(&p, 8, 0), STEP_IGNORE, "it is done once");
        tap_eq_int(progress_heard_unrecorded(&p, 10, 0), STEP_ASK, "a number is missing");
        tap_eq_int(page(&p, A ":8", false), STEP_WAIT, "the history does not have it yet");
        tap_eq_int(page(&p, A ":10", false), STEP_IGNORE, "it has");
        tap_eq_int(progress_heard_unrecorded(&p, 20, 0), STEP_ASK, "more is missing");
        tap_eq_int(progress_skip_to(&p, 20), 0, "and nobody wants it");
        tap_eq_int(progress_heard_unrecorded(&p, 20, 0), STEP_DELIVER, "so it is the next");
        tap_eq_str(p.cursor, A ":19", "the cursor is before it");
        progress_done(&p);
}

static void test_with_filters_what_is_not_recorded_yet_is_waited_for(void)
{
        Progress p = at(A ":7", true);

        tap_eq_int(progress_heard_unrecorded(&p, 8, 0), STEP_ASK,
                   "whether it matches is not known");
        tap_eq_int(page(&p, A ":7", false), STEP_WAIT, "the history does not have it yet");
        progress_new_owner(&p);
        tap_eq_int(page(&p, A ":7", false), STEP_IGNORE, "another owner may never have it");
        progress_done(&p);
}

int main(void)
{
        test_signals_in_order_are_delivered();
        test_a_known_number_is_ignored();
        test_a_jump_leads_to_the_history();
        test_what_is_not_signalled_is_not_missing();
        test_with_filters_each_signal_leads_to_the_history();
        test_pages_go_on_to_the_end();
        test_what_was_heard_meanwhile_is_asked_for();
        test_no_progress_is_a_rest();
        test_a_new_history_begins_anew();
        test_a_cursor_of_another_form_is_kept_as_it_is();
        test_what_is_not_recorded_yet_is_delivered_in_order();
        test_with_filters_what_is_not_recorded_yet_is_waited_for();
        return tap_done();
}
