/* SPDX-License-Identifier: Apache-2.0 */
#include "escape.h"

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the UTF-8 character at p takes, or 0 if there is none. Overlong forms and the
 * like do not matter here: no terminal takes them for a control character. */
static size_t character_length(const unsigned char *p)
{
        size_t n = *p < 0x80             ? 1
                   : (*p & 0xe0) == 0xc0 ? 2
                   : (*p & 0xf0) == 0xe0 ? 3
                   : (*p & 0xf8) == 0xf0 ? 4
                                         : 0;

        for (size_t i = 1; i < n; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

static bool is_c1(const unsigned char *p, size_t length)
{
        return length == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

void escape_print(FILE *f, const char *text)
{
        const unsigned char *p = (const unsigned char *)text;

        while (*p) {
                size_t n = character_length(p);

                if (n == 0 || (n == 1 && (*p < 0x20 || *p == 0x7f))) {
                        fprintf(f, "\\x%02x", *p++);
                        continue;
                }
                if (is_c1(p, n))
                        fprintf(f, "\\x%02x", p[1]);
                else
                        fwrite(p, 1, n, f);
                p += n;
        }
}

void escape_print_json(FILE *f, const char *json)
{
        const unsigned char *p = (const unsigned char *)json, *start = p;

        while (*p) {
                size_t n = character_length(p);
                bool c1 = is_c1(p, n);

                if (*p != 0x7f && !c1) {
                        p += n ?: 1;
                        continue;
                }
                fwrite(start, 1, (size_t)(p - start), f);
                fprintf(f, "\\u%04x", c1 ? p[1] : *p);
                p += n;
                start = p;
        }
        fwrite(start, 1, (size_t)(p - start), f);
}
