/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "tap.h"

#define U_FFFD "\xef\xbf\xbd"

static void test_the_length_of_a_character(void)
{
        static const struct {
                const char *label, *bytes;
                size_t length;
        } rows[] = {
                { "ASCII", "a", 1 },
                { "the largest of one byte", "\x7f", 1 },
                { "a stray continuation", "\x80", 0 },
                { "an overlong slash", "\xc0\xaf", 0 },
                { "the other overlong lead", "\xc1\xbf", 0 },
                { "the smallest of two bytes", "\xc2\x80", 2 },
                { "the largest of two bytes", "\xdf\xbf", 2 },
                { "two bytes, cut", "\xc2", 0 },
                { "two bytes, no continuation",
                  "\xc2"
                  "a",
                  0 },
                { "an overlong form of three", "\xe0\x9f\xbf", 0 },
                { "the smallest of three bytes", "\xe0\xa0\x80", 3 },
                { "before the surrogates", "\xed\x9f\xbf", 3 },
                { "the first surrogate", "\xed\xa0\x80", 0 },
                { "the last surrogate", "\xed\xbf\xbf", 0 },
                { "behind the surrogates", "\xee\x80\x80", 3 },
                { "the largest of three bytes", "\xef\xbf\xbd", 3 },
                { "U+FFFE", "\xef\xbf\xbe", 0 },
                { "U+FFFF", "\xef\xbf\xbf", 0 },
                { "before the noncharacters", "\xef\xb7\x8f", 3 },
                { "the first noncharacter", "\xef\xb7\x90", 0 },
                { "the last noncharacter", "\xef\xb7\xaf", 0 },
                { "behind the noncharacters", "\xef\xb7\xb0", 3 },
                { "three bytes, cut", "\xe2\x82", 0 },
                { "three bytes, the third is none",
                  "\xe2\x82"
                  "a",
                  0 },
                { "an overlong form of four", "\xf0\x8f\xbf\xbf", 0 },
                { "the smallest of four bytes", "\xf0\x90\x80\x80", 4 },
                { "the largest of all", "\xf4\x8f\xbf\xbd", 4 },
                { "U+10FFFE", "\xf4\x8f\xbf\xbe", 0 },
                { "U+10FFFF", "\xf4\x8f\xbf\xbf", 0 },
                { "U+1FFFE", "\xf0\x9f\xbf\xbe", 0 },
                { "past the largest", "\xf4\x90\x80\x80", 0 },
                { "a lead that is none", "\xf5\x80\x80\x80", 0 },
                { "four bytes, cut", "\xf0\x9f\x98", 0 },
                { "four bytes, the fourth is none", "\xf0\x9f\x98\xc0", 0 },
                { "0xff", "\xff", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_eq_u64(utf8_character(rows[i].bytes, strlen(rows[i].bytes)), rows[i].length,
                           "%s", rows[i].label);
        tap_eq_u64(utf8_character("", 1), 1, "a NUL is a character");
        tap_eq_u64(utf8_character("", 0), 0, "nothing is none");
}

static void test_bytes_are_made_valid(void)
{
        static const struct {
                const char *label, *bytes;
                size_t length;
                const char *want;
        } rows[] = {
                { "nothing", "", 0, "" },
                { "valid text stays", "h\xc3\xa4 \xf0\x9f\x98\x80", 8,
                  "h\xc3\xa4 \xf0\x9f\x98\x80" },
                { "a bad byte between good ones",
                  "a\xff"
                  "b",
                  3, "a" U_FFFD "b" },
                { "each byte of a cut character", "\xe2\x82", 2, U_FFFD U_FFFD },
                { "a NUL", "a\0b", 3, "a" U_FFFD "b" },
                { "nothing but bad bytes", "\x80\x80\x80", 3, U_FFFD U_FFFD U_FFFD },
                { "a good one right behind a cut one", "\xe2\xc3\xa4", 3, U_FFFD "\xc3\xa4" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *result = NULL;
                size_t length = 0;

                tap_eq_int(utf8_sanitize(rows[i].bytes, rows[i].length, &result, &length), 0, "%s",
                           rows[i].label);
                tap_eq_str(result, rows[i].want, "the text");
                tap_eq_u64(length, strlen(rows[i].want), "its length");
        }
}

static void test_a_length_that_overflows_is_refused(void)
{
        char *result = NULL;
        size_t length;

        tap_eq_int(utf8_sanitize("", SIZE_MAX / 2, &result, &length), -ENOMEM,
                   "more than there is memory");
}

/* Every two bytes: the result is valid, and nothing that was valid changed. */
static void test_every_pair_of_bytes_is_made_valid(void)
{
        unsigned wrong = 0;

        for (unsigned pair = 0; pair < 0x10000; pair++) {
                const char bytes[] = { (char)(pair >> 8), (char)pair, 'x' };
                _cleanup_free_ char *result = NULL;
                size_t length, n = 0, width;

                if (utf8_sanitize(bytes, sizeof(bytes), &result, &length) < 0 ||
                    result[length] != '\0' || result[length - 1] != 'x')
                        wrong++;
                while (n < length && (width = utf8_character(result + n, length - n)) > 0)
                        n += width;
                wrong += n != length || strlen(result) != length;
        }
        tap_eq_u64(wrong, 0, "every pair of bytes is made valid");
}

static void test_a_cut_is_between_characters(void)
{
        static const struct {
                const char *text;
                size_t limit, want;
        } rows[] = {
                { "abc", 3, 3 },
                { "abc", 9, 3 },
                { "abc", 2, 2 },
                { "abc", 0, 0 },
                { "", 0, 0 },
                { "a\xc3\xa4", 2, 1 },
                { "a\xc3\xa4", 3, 3 },
                { "\xe2\x82\xac", 1, 0 },
                { "\xe2\x82\xac", 2, 0 },
                { "\xe2\x82\xac", 3, 3 },
                { "\xf0\x9f\x98\x80!", 3, 0 },
                { "\xf0\x9f\x98\x80!", 4, 4 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_eq_u64(utf8_cut(rows[i].text, rows[i].limit), rows[i].want, "\"%s\" cut at %zu",
                           rows[i].text, rows[i].limit);
}

static void test_what_is_valid(void)
{
        static const struct {
                const char *text, *mended;
        } rows[] = {
                { "", "" },
                { "plain", "plain" },
                { "h\xc3\xa4", "h\xc3\xa4" },
                { "a\xff"
                  "b",
                  "a?b" },
                { "cut \xe2\x82", "cut ??" },
                { "\xef\xbf\xbf", "???" },
                { "\xff\xf0\x9f\x98\x80", "?\xf0\x9f\x98\x80" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char text[32];

                strcpy(text, rows[i].text);
                tap_ok(utf8_is_valid(text) == (strcmp(rows[i].text, rows[i].mended) == 0),
                       "row %zu is valid, or not", i);
                utf8_mend(text);
                tap_eq_str(text, rows[i].mended, "mended");
                tap_ok(utf8_is_valid(text), "it is");
        }
}

static void test_a_sentence_shows_the_start_of_a_value(void)
{
        char value[SHOWN_MAX * 2] = "", shown[SHOWN_MAX * 2];

        while (strlen(value) + 3 < sizeof(value))
                strcat(value, "\xe2\x82\xac");
        snprintf(shown, sizeof(shown), "%.*s", SHOWN(value));
        tap_ok(strlen(shown) <= SHOWN_MAX && strlen(shown) > SHOWN_MAX - 3, "of a long one");
        tap_ok(utf8_is_valid(shown), "and no piece of a character");
        snprintf(shown, sizeof(shown), "%.*s", SHOWN("short"));
        tap_eq_str(shown, "short", "a short one whole");
}

int main(void)
{
        test_the_length_of_a_character();
        test_bytes_are_made_valid();
        test_a_length_that_overflows_is_refused();
        test_every_pair_of_bytes_is_made_valid();
        test_a_cut_is_between_characters();
        test_what_is_valid();
        test_a_sentence_shows_the_start_of_a_value();
        return tap_done();
}
