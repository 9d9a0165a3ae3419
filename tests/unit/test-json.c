/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "scratch.h"
#include "tap.h"

static void test_a_member_is_added_or_replaced(void)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        tap_eq_int(json_add(object, "a", json_object_new_int(1)), 0, "added");
        tap_eq_int(json_add(object, "b", json_object_new_string("x")), 0, "another");
        tap_eq_int(json_add(object, "a", json_object_new_int(2)), 0, "replaced");
        tap_eq_str(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                   "{\"a\":2,\"b\":\"x\"}", "as it should be");
}

static void test_a_value_that_could_not_be_made(void)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        tap_eq_int(json_add(object, "a", NULL), -ENOMEM, "is no null");
        tap_eq_int(json_object_object_length(object), 0, "and is not added");
}

/* An object cannot hold itself: json-c says no, and the reference must not be lost. */
static void test_a_value_that_cannot_be_added(void)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();

        tap_eq_int(json_add(object, "a", json_object_get(object)), -ENOMEM, "is refused");
        tap_eq_int(json_object_object_length(object), 0, "and is let go");
}

/* Every byte, at every place in a word, and behind it. */
static void test_what_is_plain(void)
{
        unsigned n_wrong = 0;

        for (unsigned c = 0; c < 256; c++)
                for (size_t at = 0; at < 20; at++)
                        for (size_t length = 0; length <= 20; length++) {
                                char text[20];
                                bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

                                memset(text, 'x', sizeof(text));
                                text[at] = (char)c;
                                n_wrong += json_plain(text, length) !=
                                           (plain || at >= length ? length : at);
                        }
        tap_eq_u64(n_wrong, 0, "is what is neither escaped nor beyond ASCII");
}

/* json-c is what every other reader and writer of the history goes by. */
static void test_strings_are_as_json_c_writes_them(void)
{
        uint64_t seed = 12;
        unsigned n_wrong = 0;

        for (unsigned round = 0; round < 2000; round++) {
                _cleanup_json_ struct json_object *object = NULL;
                _cleanup_(buffer_done) Buffer buffer = {};
                char text[64];
                unsigned n = round < 256 ? 1 : random_below(&seed, sizeof(text));

                for (unsigned i = 0; i < n; i++)
                        text[i] = (char)(round < 256                   ? round
                                         : random_below(&seed, 4) == 0 ? random_below(&seed, 256)
                                                                       : 'a');
                text[n] = '\0';
                object = json_object_new_string(text);
                json_put_string(&buffer, text);
                buffer_put(&buffer, "", 1);
                n_wrong += strcmp(buffer.data,
                                  json_object_to_json_string_ext(
                                          object, JSON_C_TO_STRING_PLAIN |
                                                          JSON_C_TO_STRING_NOSLASHESCAPE)) != 0;
        }
        tap_eq_u64(n_wrong, 0, "each byte, and any string");
}

int main(void)
{
        test_what_is_plain();
        test_strings_are_as_json_c_writes_them();
        test_a_member_is_added_or_replaced();
        test_a_value_that_could_not_be_made();
        test_a_value_that_cannot_be_added();
        return tap_done();
}
