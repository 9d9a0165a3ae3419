/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <stdlib.h>

#include "columns.h"
#include "tap.h"
#include "utf8.h"

static void check(const char *text, size_t width, bool utf8, const char *want, const char *what)
{
        char *got;

        if (columns_fit(text, width, utf8, &got) < 0)
                abort();
        tap_eq_str(got, want, "%s in %zu columns", what, width);
        tap_ok(columns_width(got) <= width, "%s is not wider", what);
        free(got);
}

static void test_fit(void)
{
        check("web", 3, true, "web", "what fits");
        check("my-project-web-1", 10, true, "my-pr…eb-1", "a long name");
        check("my-project-web-1", 10, false, "my-p..eb-1", "a long name without UTF-8");
        check("my-project-web-1", 3, true, "my-", "a long name where there is no room");
        check("鯨鯨鯨", 6, true, "鯨鯨鯨", "wide characters");
        check("鯨鯨鯨", 5, true, "鯨…鯨", "wide characters that do not fit");
        check("鯨鯨鯨", 4, true, "鯨…", "wide characters that hardly fit");
        check("鯨x", 10, false, "?x", "what ASCII does not have");
        check("", 5, true, "", "nothing");
}

static void test_hostile_names(void)
{
        check("a\x1b[31mb", 20, true, "a\\x1b[31mb", "an escape sequence");
        check("a\x1b[31mb", 4, true, "a…b", "an escape sequence that is cut");
        check("a\xc2\x9b"
              "31mb",
              20, true, "a\\x9b31mb", "a C1 control character");
        check("a\x7f", 20, true, "a\\x7f", "DEL");
        check("a\xe2\x80\xae"
              "b",
              20, true,
              "a\xef\xbf\xbd"
              "b",
              "a mark that turns the direction");
        check("a\xff", 20, true, "a\\xff", "a byte that is no UTF-8");
}

static void test_the_terminal(void)
{
        setenv("COLUMNS", "123", 1);
        tap_eq_u64(columns_of_terminal(-1), 123, "what COLUMNS says");
        setenv("COLUMNS", "0", 1);
        tap_eq_u64(columns_of_terminal(-1), 80, "no width");
        setenv("COLUMNS", "12x", 1);
        tap_eq_u64(columns_of_terminal(-1), 80, "no number");
        setenv("COLUMNS", "99999999999", 1);
        tap_eq_u64(columns_of_terminal(-1), 10000, "more than anybody has");
        unsetenv("COLUMNS");
        tap_eq_u64(columns_of_terminal(-1), 80, "no terminal");
}

static void test_utf8(void)
{
        tap_ok(utf8_is_valid("aä鯨💡"), "characters of all lengths");
        tap_ok(utf8_is_valid(""), "nothing");
        tap_ok(!utf8_is_valid("a\xff"), "no character");
        tap_ok(!utf8_is_valid("\xc0\xaf"), "an overlong form");
        tap_ok(!utf8_is_valid("\xe9\xaf"), "a character that is cut");
        tap_ok(!utf8_is_valid("\xed\xa0\x80"), "a surrogate");
        tap_ok(!utf8_is_valid("\xf4\x90\x80\x80"), "past the last character");
}

int main(void)
{
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return 1;
        tap_ok(columns_have_utf8(), "the locale has UTF-8");
        test_fit();
        test_hostile_names();
        test_the_terminal();
        test_utf8();
        return tap_done();
}
