/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digits.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *digits_put_fixed(char *p, uint64_t number, size_t n)
{
        for (size_t i = n; i-- > 0; number >>= DIGIT_BITS)
                p[i] = digits[number % (1 << DIGIT_BITS)];
        return p + n;
}

char *digits_put(char *p, uint64_t number)
{
        size_t n = 1;

        while (n < DIGITS_MAX && number >> (n * DIGIT_BITS) > 0)
                n++;
        return digits_put_fixed(p, number, n);
}

int digits_parse(const char *word, size_t length, bool canonical, uint64_t *ret)
{
        uint64_t number = 0;

        if (length == 0 || length > DIGITS_MAX || (canonical && length > 1 && *word == digits[0]))
                return -EINVAL;
        for (size_t i = 0; i < length; i++) {
                const char *digit = word[i] != '\0' ? strchr(digits, word[i]) : NULL;

                if (!digit || number >> (64 - DIGIT_BITS) > 0)
                        return -EINVAL;
                number = number << DIGIT_BITS | (uint64_t)(digit - digits);
        }

        *ret = number;
        return 0;
}
