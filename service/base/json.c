/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"

int json_add(struct json_object *object, const char *key, struct json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }

        return 0;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The highest bit of each of eight bytes that is a control character, a quote, a backslash or no
 * ASCII; the bytes behind the first of them may have theirs by borrowing from it. */
static uint64_t special_bytes(const char *bytes)
{
        uint64_t word, control, quote, backslash;

        memcpy(&word, bytes, sizeof(word));
        word = le64toh(word);
        control = word - EACH(0x20);
        quote = (word ^ EACH('"')) - EACH(1);
        backslash = (word ^ EACH('\\')) - EACH(1);
        return (word | control | quote | backslash) & EACH(0x80);
}

static bool byte_is_plain(char c)
{
        return c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

size_t json_plain(const char *bytes, size_t length)
{
        size_t n = 0;

        if (length < sizeof(uint64_t)) {
                while (n < length && byte_is_plain(bytes[n]))
                        n++;
                return n;
        }

        for (;;) {
                uint64_t special = special_bytes(bytes + n);

                if (special != 0)
                        return n + (size_t)__builtin_ctzll(special) / 8;
                n += sizeof(uint64_t);
                if (n == length)
                        return n;
                /* The last eight, of which some have been looked at. */
                if (length - n < sizeof(uint64_t))
                        n = length - sizeof(uint64_t);
        }
}

static void put_escaped(Buffer *buffer, char c)
{
        static const char digits[] = "0123456789abcdef";
        static const char named[][2] = { { '"', '"' },  { '\\', '\\' }, { '\b', 'b' },
                                         { '\f', 'f' }, { '\n', 'n' },  { '\r', 'r' },
                                         { '\t', 't' } };
        unsigned char byte = (unsigned char)c;

        for (size_t i = 0; i < ELEMENTSOF(named); i++)
                if (named[i][0] == c) {
                        buffer_put(buffer, (char[]){ '\\', named[i][1] }, 2);
                        return;
                }
        buffer_put(buffer, (char[]){ '\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15] },
                   6);
}

void json_put_string(Buffer *buffer, const char *string)
{
        size_t length = strlen(string), n = 0;

        buffer_put_literal(buffer, "\"");
        while (n < length) {
                size_t plain = json_plain(string + n, length - n);

                /* What is no ASCII stands as it is, too. */
                while (n + plain < length && (unsigned char)string[n + plain] >= 0x80)
                        plain++;
                buffer_put(buffer, string + n, plain);
                n += plain;
                if (n < length && !byte_is_plain(string[n]))
                        put_escaped(buffer, string[n++]);
        }
        buffer_put_literal(buffer, "\"");
}
