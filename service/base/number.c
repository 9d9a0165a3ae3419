/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <errno.h>
#include <stddef.h>

int parse_u64(const char *string, uint64_t *ret)
{
        uint64_t value = 0;

        if (*string == '\0')
                return -EINVAL;

        for (const char *p = string; *p; p++) {
                if (*p < '0' || *p > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
                        return -ERANGE;
        }

        *ret = value;
        return 0;
}

int parse_u32(const char *string, uint32_t *ret)
{
        uint64_t value;
        int r;

        r = parse_u64(string, &value);
        if (r < 0)
                return r;
        if (value > UINT32_MAX)
                return -ERANGE;

        *ret = (uint32_t)value;
        return 0;
}

int parse_i32(const char *string, int32_t *ret)
{
        int negative = *string == '-';
        uint64_t value;
        int r;

        r = parse_u64(string + negative, &value);
        if (r < 0)
                return r;
        if (value > (uint64_t)INT32_MAX + (uint64_t)negative)
                return -ERANGE;

        *ret = negative ? (int32_t) - (int64_t)value : (int32_t)value;
        return 0;
}

int parse_hex64(const char *string, uint64_t *ret)
{
        uint64_t value = 0;
        size_t i;

        for (i = 0; string[i]; i++) {
                char c = string[i];
                unsigned digit;

                if (c >= '0' && c <= '9')
                        digit = (unsigned)(c - '0');
                else if (c >= 'a' && c <= 'f')
                        digit = (unsigned)(c - 'a') + 10;
                else
                        return -EINVAL;
                if (i >= 16)
                        return -EINVAL;
                value = value << 4 | digit;
        }
        if (i != 16)
                return -EINVAL;

        *ret = value;
        return 0;
}
