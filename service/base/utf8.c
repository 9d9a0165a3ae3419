/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

static bool is_noncharacter(const unsigned char *b, size_t n)
{
        if (n == 3)
                return b[0] == 0xef && ((b[1] == 0xb7 && b[2] >= 0x90 && b[2] <= 0xaf) ||
                                        (b[1] == 0xbf && b[2] >= 0xbe));
        return n == 4 && (b[1] & 0x0f) == 0x0f && b[2] == 0xbf && b[3] >= 0xbe;
}

size_t utf8_character(const char *bytes, size_t length)
{
        const unsigned char *b = (const unsigned char *)bytes;
        unsigned char least = 0x80, most = 0xbf; /* bounds of the second byte */
        size_t n;

        if (length == 0)
                return 0;
        if (b[0] < 0x80)
                return 1;

        if (b[0] >= 0xc2 && b[0] <= 0xdf) {
                n = 2;
        } else if (b[0] >= 0xe0 && b[0] <= 0xef) {
                n = 3;
                if (b[0] == 0xe0)
                        least = 0xa0; /* overlong */
                if (b[0] == 0xed)
                        most = 0x9f; /* surrogates */
        } else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
                n = 4;
                if (b[0] == 0xf0)
                        least = 0x90; /* overlong */
                if (b[0] == 0xf4)
                        most = 0x8f; /* past U+10FFFF */
        } else {
                return 0;
        }

        if (length < n || b[1] < least || b[1] > most)
                return 0;
        for (size_t i = 2; i < n; i++)
                if (b[i] < 0x80 || b[i] > 0xbf)
                        return 0;

        return is_noncharacter(b, n) ? 0 : n;
}

/* How many of the first bytes are ASCII, by eights. */
static size_t ascii_words(const char *bytes, size_t length)
{
        size_t n = 0;
        uint64_t word;

        for (; length - n >= sizeof(word); n += sizeof(word)) {
                memcpy(&word, bytes + n, sizeof(word));
                if (word & UINT64_C(0x8080808080808080))
                        break;
        }
        return n;
}

bool utf8_is_valid(const char *string)
{
        size_t length = strlen(string), n;

        for (size_t i = ascii_words(string, length); i < length; i += n) {
                n = (unsigned char)string[i] < 0x80 ? 1 : utf8_character(string + i, length - i);
                if (n == 0)
                        return false;
        }

        return true;
}

int utf8_sanitize(const char *bytes, size_t length, char **ret, size_t *ret_length)
{
        size_t size, out = 0;
        char *result;

        /* A byte becomes at most three. */
        if (__builtin_mul_overflow(length, 3, &size) || __builtin_add_overflow(size, 1, &size))
                return -ENOMEM;
        result = malloc(size);
        if (!result)
                return -ENOMEM;

        for (size_t in = 0; in < length;) {
                size_t n = utf8_character(bytes + in, length - in);

                if (n == 0 || bytes[in] == '\0') {
                        memcpy(result + out, REPLACEMENT, sizeof(REPLACEMENT) - 1);
                        out += sizeof(REPLACEMENT) - 1;
                        in++;
                        continue;
                }
                memcpy(result + out, bytes + in, n);
                out += n;
                in += n;
        }
        result[out] = '\0';

        *ret = result;
        *ret_length = out;
        return 0;
}

size_t utf8_cut(const char *string, size_t limit)
{
        size_t length = strnlen(string, limit + 1);

        if (length <= limit)
                return length;
        while (limit > 0 && ((unsigned char)string[limit] & 0xc0) == 0x80)
                limit--;
        return limit;
}

void utf8_mend(char *string)
{
        size_t length = strlen(string), n;

        for (size_t i = 0; i < length; i += n) {
                n = utf8_character(string + i, length - i);
                if (n == 0) {
                        string[i] = '?';
                        n = 1;
                }
        }
}
