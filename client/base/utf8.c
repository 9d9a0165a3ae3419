/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

size_t utf8_character(const char *text, uint32_t *ret_code)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const unsigned char *p = (const unsigned char *)text;
        uint32_t code = *p;
        size_t n = 1;

        if (*p >= 0xf0 && *p < 0xf8) {
                n = 4;
                code = *p & 0x07;
        } else if (*p >= 0xe0 && *p < 0xf0) {
                n = 3;
                code = *p & 0x0f;
        } else if (*p >= 0xc0 && *p < 0xe0) {
                n = 2;
                code = *p & 0x1f;
        } else if (*p >= 0x80 || *p == 0) {
                return 0;
        }
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (p[i] & 0x3f);
        }
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
                return 0;

        *ret_code = code;
        return n;
}

bool utf8_is_valid(const char *text)
{
        uint32_t code;

        while (*text) {
                size_t n = utf8_character(text, &code);

                if (n == 0)
                        return false;
                text += n;
        }
        return true;
}
