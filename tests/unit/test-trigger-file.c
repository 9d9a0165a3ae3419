/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "scratch.h"
#include "strv.h"
#include "tap.h"
#include "trigger-file.h"

typedef struct Told {
        unsigned n;
        char place[200], text[500]; /* of the last */
} Told;

static void on_warning(const char *place, const char *text, void *userdata)
{
        Told *told = userdata;

        told->n++;
        snprintf(told->place, sizeof(told->place), "%s", place);
        snprintf(told->text, sizeof(told->text), "%s", text);
}

/* Reads the texts one after the other, as the file "f" and its drop-ins. */
static int read_texts(const char *const *texts, Trigger **ret, char **ret_problem, Told *told)
{
        const TriggerReport report = { .warning = on_warning, .userdata = told };
        Trigger *t;
        int r = 0;

        must(trigger_new("t", &t) == 0);
        t->path = strdup("f");
        must(t->path);
        for (; *texts && r == 0; texts++)
                r = trigger_file_read(t, "f", *texts, strlen(*texts), &report, ret_problem);
        if (r == 0)
                r = trigger_file_check(t, &report, ret_problem);
        *ret = t;
        return r;
}

#define TEXTS(...)                                                                                 \
        (const char *const[])                                                                      \
        {                                                                                          \
                __VA_ARGS__, NULL                                                                  \
        }
#define NEEDED "[Trigger]\nFilter=event=died\nUnit=page@%n.service\n"

static void test_all_keys(void)
{
        _cleanup_(trigger_freep) Trigger *t = NULL;
        _cleanup_free_ char *problem = NULL;
        Told told = {};
        int r;

        r = read_texts(TEXTS("# a comment\n"
                             "[Trigger]\n"
                             "Description=Tell the team ; and \"quotes\" # stay\n"
                             "  Filter = type=container  \n"
                             "Filter=exit_code!=0\n"
                             "; another\n"
                             "Filter=label=team=pay ments\r\n"
                             "Unit=page-team@%n.service\n"
                             "RateLimitIntervalSec=1min\n"
                             "RateLimitBurst=5\n"
                             "CoalesceSec=1.5\n"
                             "CatchUp=no"),
                       &t, &problem, &told);
        tap_eq_int(r, 0, "a file with all keys is read");
        tap_eq_int(told.n, 0, "and nothing is said about it");
        tap_eq_str(t->description, "Tell the team ; and \"quotes\" # stay", "the description");
        tap_eq_int((int)strv_length(t->filters), 3, "three filters");
        tap_eq_str(t->filters[0], "type=container", "the first");
        tap_eq_str(t->filters[2], "label=team=pay ments", "the last");
        tap_eq_str(t->unit, "page-team@%n.service", "the unit");
        tap_eq_u64(t->rate_limit_interval_usec, 60000000, "the interval");
        tap_eq_int(t->rate_limit_burst, 5, "the burst");
        tap_eq_u64(t->coalesce_usec, 1500000, "how long it coalesces");
        tap_ok(!t->catch_up, "it does not catch up");
}

static void test_defaults_and_resets(void)
{
        _cleanup_(trigger_freep) Trigger *plain = NULL, *reset = NULL;
        _cleanup_free_ char *problem = NULL;
        Told told = {};
        int r;

        r = read_texts(TEXTS(NEEDED), &plain, &problem, &told);
        tap_eq_int(r, 0, "the least that there must be");
        tap_ok(!plain->description && plain->rate_limit_interval_usec == 0 &&
                       plain->rate_limit_burst == 0 && plain->coalesce_usec == 0 && plain->catch_up,
               "no limit, nothing coalesced, and it catches up");

        r = read_texts(TEXTS(NEEDED "Description=x\nRateLimitBurst=5\nRateLimitIntervalSec=1\n"
                                    "CoalesceSec=1\nCatchUp=no\n",
                             "[Trigger]\nFilter=\nFilter=event=start\nUnit=\nUnit=b.service\n"
                             "Description=\nRateLimitBurst=\nRateLimitIntervalSec=\nCoalesceSec=\n"
                             "CatchUp=\n"),
                       &reset, &problem, &told);
        tap_eq_int(r, 0, "a drop-in takes all of it back");
        tap_ok(strv_length(reset->filters) == 1 && strcmp(reset->filters[0], "event=start") == 0,
               "the filters are the drop-in's alone");
        tap_eq_str(reset->unit, "b.service", "and so is the unit");
        tap_ok(!reset->description && reset->rate_limit_interval_usec == 0 &&
                       reset->rate_limit_burst == 0 && reset->coalesce_usec == 0 && reset->catch_up,
               "all else is as if it were not set");
}

static void test_syntax(void)
{
        _cleanup_(trigger_freep) Trigger *t = NULL, *last = NULL;
        _cleanup_free_ char *problem = NULL, *longest = NULL;
        Told told = {};
        int r;

        r = read_texts(TEXTS("\xef\xbb\xbf\n\n[Trigger]\n"
                             "Description=one \\\n"
                             "# a comment between\n"
                             "   two\\\n"
                             "three \\\\\n"
                             "Filter=name=a=b:c\n"
                             "Unit=a.service\n"
                             "[X-Mine]\nUnit=nonsense\n[Trigger]\nX-Note=1\n"),
                       &t, &problem, &told);
        tap_eq_int(r, 0, "lines that go on, a byte order mark, and what is somebody else's");
        tap_eq_str(t->description, "one     two three \\\\", "they are joined with a space");
        tap_eq_str(t->filters[0], "name=a=b:c", "\":\" and a second \"=\" are the value's");
        tap_eq_int(told.n, 0, "nothing is said about it");

        must(asprintf(&longest, "[Trigger]\nUnit=a.service\nFilter=name=%01900d\\", 1) > 0);
        r = read_texts(TEXTS(longest), &last, &problem, &told);
        tap_eq_int(r, 0, "a long line, and a \"\\\" at the end of the file");
        tap_eq_int((int)strlen(last->filters[0]), 1905, "the line is whole");
}

static void test_unknown(void)
{
        _cleanup_(trigger_freep) Trigger *t = NULL;
        _cleanup_free_ char *problem = NULL;
        Told told = {};
        int r;

        r = read_texts(TEXTS(NEEDED "\nRatelimit=5\n"), &t, &problem, &told);
        tap_eq_int(r, 0, "a file with an unknown key is read");
        tap_eq_int(told.n, 1, "and that is told");
        tap_eq_str(told.place, "f:5", "where");
        tap_eq_str(told.text, "the key Ratelimit= is not known, and passed over", "and what");
        trigger_free(t);
        r = read_texts(TEXTS(NEEDED "[Service]\nExecStart=x\n"), &t, &problem, &told);
        tap_ok(r == 0 && told.n == 2 && strstr(told.text, "[Service]"),
               "an unknown section is passed over, too");
        trigger_free(t);
        r = read_texts(TEXTS("[Trigger]\nFilter=event=died\nUnit=a@%s.service\nCoalesceSec=5\n"),
                       &t, &problem, &told);
        tap_ok(r == 0 && told.n == 3 && strstr(told.text, "CoalesceSec= does nothing"),
               "what cannot be coalesced is told");
}

static void test_problems(void)
{
        static const struct {
                const char *text, *problem;
        } rows[] = {
                { "Unit=a.service\n", "f:1: the setting stands before any [SECTION]" },
                { "[Trigger\n", "f:1: a section is written as [NAME]" },
                { "[]\n", "f:1: a section is written as [NAME]" },
                { "[Trigger]\nnonsense\n", "f:2: the line is no [SECTION] and no KEY=VALUE" },
                { "[Trigger]\n=x\n", "f:2: the line is no [SECTION] and no KEY=VALUE" },
                { "[Trigger]\n\nFilter=died\n",
                  "f:3: Filter=died is no filter: write it as KEY=VALUE or KEY!=VALUE" },
                { "[Trigger]\nFilter=!=died\n",
                  "f:2: Filter=!=died is no filter: write it as KEY=VALUE or KEY!=VALUE" },
                { "[Trigger]\nUnit=%n.service\n",
                  "f:2: Unit=%n.service: a specifier may stand behind an \"@\" alone, as in "
                  "NAME@%n.service, for an event must not choose the unit" },
                { "[Trigger]\n#\nRateLimitIntervalSec=\\\n soon\n",
                  "f:3: RateLimitIntervalSec=soon is no time: give a time as 30s, 5min or 1h "
                  "30min" },
                { "[Trigger]\nCoalesceSec=300y\n", "f:2: CoalesceSec=300y is too long" },
                { "[Trigger]\nRateLimitBurst=-1\n", "f:2: RateLimitBurst=-1 is no number" },
                { "[Trigger]\nRateLimitBurst=1000001\n",
                  "f:2: RateLimitBurst=1000001 is too large: at most 1000000" },
                { "[Trigger]\nRateLimitBurst=99999999999999999999\n",
                  "f:2: RateLimitBurst=99999999999999999999 is too large: at most 1000000" },
                { "[Trigger]\nCatchUp=maybe\n", "f:2: CatchUp=maybe is neither yes nor no" },
                { "[Trigger]\nDescription=\xff\n", "f: the file is no UTF-8 text" },
                { "[Trigger]\nFilter=event=died\n",
                  "f: there is no Unit=: say which unit the events start" },
                { "[Trigger]\nUnit=a.service\n",
                  "f: there is no Filter=: say which events, as Filter=event=died; a unit for "
                  "every event is not started by leaving it out" },
                { NEEDED "RateLimitIntervalSec=1\n",
                  "f: RateLimitIntervalSec= stands alone: say with RateLimitBurst= how many starts "
                  "there may be in that time" },
                { NEEDED "RateLimitBurst=1\n",
                  "f: RateLimitBurst= stands alone: say with RateLimitIntervalSec= in which time" },
                { "", "f: there is no Unit=: say which unit the events start" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(trigger_freep) Trigger *t = NULL;
                _cleanup_free_ char *problem = NULL;
                Told told = {};

                tap_eq_int(read_texts(TEXTS(rows[i].text), &t, &problem, &told), -EINVAL,
                           "text %zu is refused", i);
                tap_eq_str(problem, rows[i].problem, "and the reason is said");
        }
}

static void test_limits(void)
{
        _cleanup_(trigger_freep) Trigger *t = NULL, *nul = NULL;
        _cleanup_free_ char *problem = NULL, *no_text = NULL, *too_long = NULL, *longest = NULL;
        char text[64 * 1024] = NEEDED;
        Told told = {};

        for (unsigned i = 0; i < TRIGGER_FILTERS_MAX; i++)
                strcat(text, "Filter=event=died\n");
        tap_eq_int(read_texts(TEXTS(text), &t, &problem, &told), -EINVAL,
                   "more filters than the service takes are refused");
        tap_ok(problem && strstr(problem, "f:67: Filter=event=died is one too many"), "%s",
               problem ?: "(none)");
        free(problem);
        problem = NULL;

        must(asprintf(&longest, "[Trigger]\nFilter=name=%02044d\n", 1) > 0);
        must(asprintf(&too_long, "[Trigger]\nFilter=name=%02043d\n", 1) > 0);
        must(trigger_new("t", &nul) == 0);
        tap_eq_int(trigger_file_read(nul, "f", longest, strlen(longest), NULL, &problem), -EINVAL,
                   "a filter that is too long is refused");
        tap_eq_int(trigger_file_read(nul, "f", too_long, strlen(too_long), NULL, &no_text), 0,
                   "the longest is not");
        tap_eq_int(trigger_file_read(nul, "f", "[Trigger]\n\0x", 12, NULL, &no_text), -EINVAL,
                   "nor is a NUL in the file taken");
}

int main(void)
{
        test_all_keys();
        test_defaults_and_resets();
        test_syntax();
        test_unknown();
        test_problems();
        test_limits();
        return tap_done();
}
