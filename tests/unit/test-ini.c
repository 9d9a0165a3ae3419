/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/ini.h"
#include "scratch.h"
#include "tap.h"

typedef struct Seen {
        char text[4096];
        size_t n;
} Seen;

__attribute__((format(printf, 2, 3))) static void note(Seen *seen, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        seen->n +=
                (size_t)vsnprintf(seen->text + seen->n, sizeof(seen->text) - seen->n, format, args);
        va_end(args);
}

static void on_value(const char *file, unsigned line, const char *section, const char *key,
                     const char *value, void *userdata)
{
        note(userdata, "%u[%s]%s=%s;", line, section, key, value);
}

static void on_error(const char *file, unsigned line, const char *what, void *userdata)
{
        note(userdata, "%u!%s;", line, what);
}

#define NO_SETTING "the line is no [SECTION] and no KEY=VALUE"

static void test_settings_and_what_is_none(void)
{
        static const struct {
                const char *label, *text, *want;
        } rows[] = {
                { "an empty file", "", "" },
                { "a setting", "[A]\nk=v\n", "2[A]k=v;" },
                { "without a section", "k=v\n", "1[]k=v;" },
                { "two sections", "[A]\nk=1\n[B]\nk=2\n", "2[A]k=1;4[B]k=2;" },
                { "white space around", "  [A]  \n\t k  =  v w \t\n", "2[A]k=v w;" },
                { "an indented line is no continuation", "[A]\nk=v\n  l=w\n", "2[A]k=v;3[A]l=w;" },
                { "an empty value", "[A]\nk=\n", "2[A]k=;" },
                { "an equals sign in the value", "[A]\nk=a=b\n", "2[A]k=a=b;" },
                { "lines that are comments", "# x\n; y\n  # z\n[A]\n#k=v\n", "" },
                { "comments behind a value", "[A]\nk=v # c\nl=w ; c\n", "2[A]k=v;3[A]l=w;" },
                { "marks inside a value", "[A]\nk=a#b;c\n", "2[A]k=a#b;c;" },
                { "nothing but a comment", "[A]\nk= # c\n", "2[A]k=;" },
                { "no end of line at the end", "[A]\nk=v", "2[A]k=v;" },
                { "DOS ends of lines", "[A]\r\nk=v\r\n", "2[A]k=v;" },
                { "a byte order mark", "\xef\xbb\xbf[A]\nk=v\n", "2[A]k=v;" },
                { "no setting; the rest is read", "[A]\nrubbish\nk=v\n",
                  "3[A]k=v;2!" NO_SETTING ";" },
                { "a section that does not end", "[A\nk=v\n", "2[]k=v;1!" NO_SETTING ";" },
                { "the same key twice", "[A]\nk=1\nk=2\n", "2[A]k=1;3[A]k=2;" },
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Seen seen = {};
                const IniReport report = { on_value, on_error, NULL, &seen };

                file_write("file", rows[i].text);
                tap_eq_int(ini_read("file", &report), 0, "%s", rows[i].label);
                tap_eq_str(seen.text, rows[i].want, "what was read");
        }
}

static void test_a_long_line_costs_only_itself(void)
{
        static const struct {
                size_t length; /* of the line, without its end */
                bool fits;
        } rows[] = {
                { 198, true }, { 199, false }, { 200, false }, { 397, false }, { 5000, false }
        };
        _scratch_ Scratch scratch = scratch_enter();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text = malloc(rows[i].length + 64);
                char want[512];
                Seen seen = {};
                const IniReport report = { on_value, on_error, NULL, &seen };

                must(text);
                strcpy(text, "[A]\nk=");
                memset(text + 6, 'v', rows[i].length - 2);
                strcpy(text + 4 + rows[i].length, "\nl=w\n");
                file_write("file", text);

                tap_eq_int(ini_read("file", &report), 0, "%zu bytes", rows[i].length);
                if (rows[i].fits)
                        snprintf(want, sizeof(want), "2[A]%.*s;3[A]l=w;", (int)rows[i].length,
                                 text + 4);
                else
                        snprintf(want, sizeof(want), "2!the line is too long;3[A]l=w;");
                tap_eq_str(seen.text, want, "what was read");
        }
}

/* Those who do not want errors get values all the same. */
static void test_errors_need_not_be_heard(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        Seen seen = {};
        const IniReport report = { .value = on_value, .userdata = &seen };
        char text[512] = "[A]\nrubbish\nk=v\n# ";

        memset(text + strlen(text), 'x', 300);
        file_write("file", text);
        tap_eq_int(ini_read("file", &report), 0, "a file with errors");
        tap_eq_str(seen.text, "3[A]k=v;", "what was read");
}

static void test_what_cannot_be_opened(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        Seen seen = {};
        const IniReport report = { on_value, on_error, NULL, &seen };

        tap_eq_int(ini_read("missing", &report), -ENOENT, "a file that is not there");
        must(mkdir("folder", 0700) == 0);
        tap_eq_int(ini_read("folder", &report), -EISDIR, "a folder");
        tap_eq_str(seen.text, "", "nothing was read");
}

int main(void)
{
        test_settings_and_what_is_none();
        test_a_long_line_costs_only_itself();
        test_errors_need_not_be_heard();
        test_what_cannot_be_opened();
        return tap_done();
}
