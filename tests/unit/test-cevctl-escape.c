/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <json-c/json.h>

#include "escape.h"
#include "tap.h"

static char *escaped(const char *text, void (*print)(FILE *, const char *))
{
        char *result = NULL;
        size_t size;
        FILE *f = open_memstream(&result, &size);

        if (!f)
                abort();
        print(f, text);
        fclose(f);
        return result;
}

static void test_control_characters_become_visible(void)
{
        static const struct {
                const char *text;
                const char *want;
        } rows[] = {
                { "", "" },
                { "plain text, 100 %d", "plain text, 100 %d" },
                { "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\xb3",
                  "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\xb3" },
                { "\x1b[31mred", "\\x1b[31mred" },
                { "a\nb\tc\rd\x7f", "a\\x0ab\\x09c\\x0dd\\x7f" },
                { "\x01\x1f", "\\x01\\x1f" },
                { "\xc2\x9b"
                  "31m",
                  "\\x9b31m" }, /* CSI as one character */
                { "\xc2\x80\xc2\x9f\xc2\xa0", "\\x80\\x9f\xc2\xa0" },
                { "\x9b"
                  "31m",
                  "\\x9b31m" },      /* and as one byte */
                { "\xc3", "\\xc3" }, /* a character that is cut off */
                { "\xe6\xbc", "\\xe6\\xbc" },
                { "\xe6\x1b", "\\xe6\\x1b" }, /* and one that hides another */
                { "\xff\xfe", "\\xff\\xfe" },
                { "back\\slash", "back\\slash" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *got = escaped(rows[i].text, escape_print);

                tap_eq_str(got, rows[i].want, "text %zu", i);
                free(got);
        }
}

static void test_json_stays_the_same_json(void)
{
        const char *json = "[\"\x7f \xc2\x9b \\u001b caf\xc3\xa9 \xf0\x9f\x90\xb3\"]";
        char *got = escaped(json, escape_print_json);
        json_object *before = json_tokener_parse(json), *after = json_tokener_parse(got);

        tap_eq_str(got, "[\"\\u007f \\u009b \\u001b caf\xc3\xa9 \xf0\x9f\x90\xb3\"]",
                   "DEL and C1 are escaped");
        tap_ok(after && json_object_equal(before, after), "it says the same");
        json_object_put(before);
        json_object_put(after);
        free(got);
}

int main(void)
{
        test_control_characters_become_visible();
        test_json_stays_the_same_json();
        return tap_done();
}
