/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "scratch.h"
#include "specifier.h"
#include "tap.h"
#include "unit-name.h"

#define ID "4f2d8c2e9d8b4f2d8c2e9d8b4f2d8c2e9d8b4f2d8c2e9d8b4f2d8c2e9d8b4f2d"

static const TriggerEvent died = {
        .type = "container",
        .status = "died",
        .id = ID,
        .name = "my-web/1",
        .image = "localhost/web:1",
        .engine = "podman",
        .seq = 4711,
        .exit_code = 137,
        .has_exit_code = true,
};

static void test_good_patterns(void)
{
        static const char *const rows[] = {
                "page.service",         "page@a.service", "page@%n.service",
                "a-b@%i-%x%%%s.target", "a@%t%e%E.timer", "a.b@x\\x2d.service",
                "page@a.service.path",
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *problem = NULL;

                tap_eq_int(unit_pattern_check(rows[i], &problem), 0, "\"%s\" is one", rows[i]);
                free(problem);
        }
}

static void test_bad_patterns(void)
{
        static const struct {
                const char *pattern, *word;
        } rows[] = {
                { "", "type of a unit" },
                { "page", "type of a unit" },
                { "page.conf", "type of a unit" },
                { "page@%n", "type of a unit" },
                { "page@x.%n", "type of a unit" },
                { "a.scope", "type of a unit" },
                { "%n.service", "must not choose the unit" },
                { "page-%n@x.service", "must not choose the unit" },
                { "page@.service", "a template" },
                { "page@%q.service", "no specifier \"%q\"" },
                { "page@%.service", "no specifier \"%\"" },
                { "page@%n@%i.service", "has no \"@\"" },
                { "page@a%", "type of a unit" },
                { "@%n.service", "begins with" },
                { ".page@%n.service", "begins with" },
                { "a/b.service", "has no \"/\"" },
                { "a@b/c.service", "has no \"/\"" },
                { "../a.service", "begins with" },
                { "a b.service", "without blanks" },
                { "a\nb.service", "without blanks" },
                { "\xc3\xa9.service", "ASCII" },
        };
        char pattern[UNIT_NAME_MAX + 32];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_free_ char *problem = NULL;

                tap_eq_int(unit_pattern_check(rows[i].pattern, &problem), -EINVAL,
                           "\"%s\" is refused", rows[i].pattern);
                tap_ok(problem && strstr(problem, rows[i].word), "and the reason is said: %s",
                       problem ?: "(none)");
        }

        for (size_t length = 200; length < 260; length++) {
                _cleanup_free_ char *problem = NULL, *unit = NULL;

                memset(pattern, 'a', length);
                strcpy(pattern + length, "@%n.service");
                if (unit_pattern_check(pattern, &problem) < 0) {
                        tap_eq_int((int)length, 214, "a prefix that long leaves no room");
                        return;
                }
                must(unit_pattern_expand(pattern, &died, &unit) == 0);
                must(strlen(unit) <= UNIT_NAME_MAX);
        }
        tap_ok(false, "a pattern that is too long is refused");
}

static void test_expansion(void)
{
        static const struct {
                const char *pattern, *unit;
        } rows[] = {
                { "page.service", "page.service" },
                { "page@x.service", "page@x.service" },
                { "page@%n.service", "page@my\\x2dweb-1.service" },
                { "page@%i.target", "page@" ID ".target" },
                { "page@%s.service", "page@4711.service" },
                { "page@%t-%e.service", "page@container-died.service" },
                { "page@%E_%x.service", "page@podman_137.service" },
                { "page@%%n%%.service", "page@\\x25n\\x25.service" },
                { "page@%n%n.service", "page@my\\x2dweb-1my\\x2dweb-1.service" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_free_ char *unit = NULL;

                must(unit_pattern_expand(rows[i].pattern, &died, &unit) == 0);
                tap_eq_str(unit, rows[i].unit, "\"%s\"", rows[i].pattern);
                tap_ok(unit_pattern_matches(rows[i].pattern, unit), "and it may start that");
        }
}

static void test_what_there_is_not(void)
{
        TriggerEvent e = { .id = ID, .seq = 7 };
        _cleanup_free_ char *by_id = NULL, *code = NULL, *by_seq = NULL, *negative = NULL;

        must(unit_pattern_expand("page@%n.service", &e, &by_id) == 0);
        tap_eq_str(by_id, "page@" ID ".service", "without a name it is the ID");
        must(unit_pattern_expand("page@code%x.service", &e, &code) == 0);
        tap_eq_str(code, "page@code.service", "no exit code is nothing, not 0");
        e.id = "";
        must(unit_pattern_expand("page@%n%x.service", &e, &by_seq) == 0);
        tap_eq_str(by_seq, "page@7.service", "without an ID, too, it is the number");
        e.has_exit_code = true;
        e.exit_code = INT32_MIN;
        must(unit_pattern_expand("page@%x.service", &e, &negative) == 0);
        tap_eq_str(negative, "page@\\x2d2147483648.service", "a negative code is escaped");
}

/* A name of "length" bytes, of which each takes four in the unit's name if it is not a letter. */
static char *expand_long(size_t length, char c, char last)
{
        TriggerEvent e = died;
        char *name = malloc(length + 1), *unit;

        must(name);
        memset(name, c, length);
        name[length - 1] = last;
        name[length] = '\0';
        e.name = name;
        must(unit_pattern_expand("page@%n.service", &e, &unit) == 0);
        free(name);
        return unit;
}

static void test_long_names(void)
{
        static const char c[] = "aa--";
        bool valid = true, different = true, matching = true, whole = true;

        for (size_t length = 1; length < 3000; length += length < 260 ? 1 : 97)
                for (size_t i = 0; i < 4; i++) {
                        _cleanup_free_ char *unit = expand_long(length, c[i], 'a');
                        _cleanup_free_ char *other = expand_long(length, c[i], 'b');
                        const char *p = unit + strlen("page@");

                        while (unit_name_escaped_character(p) > 0)
                                p += unit_name_escaped_character(p);
                        whole = whole && (strcmp(p, "") == 0 || *p == '@');
                        valid = valid && unit_name_kind(unit) == UNIT_NAME_INSTANCE;
                        different = different && strcmp(unit, other) != 0;
                        matching = matching && unit_pattern_matches("page@%n.service", unit);
                }
        tap_ok(valid, "a long name makes a valid unit");
        tap_ok(whole, "in which no escaped character is cut");
        tap_ok(different, "and one that ends otherwise makes another");
        tap_ok(matching, "which the trigger may start");
}

static void test_which_may_be_started(void)
{
        static const struct {
                const char *pattern, *unit;
                bool want;
        } rows[] = {
                { "page.service", "page.service", true },
                { "page.service", "page@a.service", false },
                { "page.service", "page.target", false },
                { "page@%n.service", "page@a.service", true },
                { "page@%n.service", "page@\\x2e\\x2e-a.service", true },
                { "page@%n.service", "page@.service", false },
                { "page@%n.service", "page.service", false },
                { "page@%n.service", "pager@a.service", false },
                { "page@%n.service", "page@a.target", false },
                { "page@%n.service", "page@a\\xzz.service", false },
                { "page@%n.service", "page@a@b.service", false },
                { "page@%n.service", "page@a b.service", false },
                { "page@%n.service", "page@a/b.service", false },
                { "page@x-%n-y.service", "page@x-web-y.service", true },
                { "page@x-%n-y.service", "page@x--y.service", true },
                { "page@x-%n-y.service", "page@x-y.service", false },
                { "page@x-%n-y.service", "page@x-web.service", false },
                { "page@%n-%i.service", "page@a-b-c.service", true },
                { "page@%n-%i.service", "page@abc.service", false },
                { "page@%nab.service", "page@aabaab.service", true },
                { "page@%%%n.service", "page@\\x25a.service", true },
                { "page@%%%n.service", "page@a.service", false },
                { "page@x.service", "page@x.service", true },
                { "page@x.service", "page@y.service", false },
                { "page@x%n.service", "page@y@0123456789abcdef0123456789abcdef.service", false },
                { "page@x%n.service", "page@xy@0123456789abcdef0123456789abcdef.service", true },
                { "page@x%n.service", "page@xy@0123456789abcdef0123456789abcdeg.service", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                tap_eq_int(unit_pattern_matches(rows[i].pattern, rows[i].unit), rows[i].want,
                           "\"%s\" and \"%s\"", rows[i].pattern, rows[i].unit);
}

/* Whatever an event says: a valid instance of the one template, which may be started. */
static void test_random_events(void)
{
        static const char *const patterns[] = { "p@%n.service", "p@a%n-%e.service",
                                                "p@%x%n%i%t.target" };
        unsigned n_good = 0, n = 3000;
        uint64_t state = 7;

        for (unsigned i = 0; i < n; i++) {
                const char *pattern = patterns[i % 3];
                char texts[3][201];
                TriggerEvent e = { .name = texts[0], .id = texts[1], .status = texts[2] };
                _cleanup_free_ char *unit = NULL;

                for (unsigned k = 0; k < 3; k++) {
                        unsigned length = random_below(&state, 200);

                        for (unsigned j = 0; j < length; j++)
                                texts[k][j] = (char)(1 + random_below(&state, 255));
                        texts[k][length] = '\0';
                }
                must(unit_pattern_expand(pattern, &e, &unit) == 0);
                n_good += unit_name_kind(unit) == UNIT_NAME_INSTANCE &&
                          strncmp(unit, "p@", 2) == 0 && unit_pattern_matches(pattern, unit);
        }
        tap_eq_int(n_good, n, "random events give valid instances");
}

int main(void)
{
        test_good_patterns();
        test_bad_patterns();
        test_expansion();
        test_what_there_is_not();
        test_long_names();
        test_which_may_be_started();
        test_random_events();
        return tap_done();
}
