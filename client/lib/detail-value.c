/* SPDX-License-Identifier: Apache-2.0 */
#include "detail-value.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The types of the details that the service knows; all others are strings. */
static char detail_type(const char *key)
{
        static const struct {
                const char *key;
                char type;
        } types[] = {
                { "exit_code", 'i' },       { "uid", 'u' },
                { "oom_killed", 'b' },      { "synthetic", 'b' },
                { "lost_since_nsec", 't' }, { "lost_until_nsec", 't' },
        };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(key, types[i].key) == 0)
                        return types[i].type;
        return 's';
}

static int parse_integer(const char *text, int64_t least, uint64_t most, int64_t *ret)
{
        char *end;

        errno = 0;
        if (least < 0 && *text == '-') {
                long long value = strtoll(text, &end, 10);

                if (errno != 0 || end == text + 1 || *end || value < least)
                        return -EINVAL;
                *ret = value;
                return 0;
        }
        if (*text < '0' || *text > '9')
                return -EINVAL;
        unsigned long long value = strtoull(text, &end, 10);
        if (errno != 0 || *end || value > most)
                return -EINVAL;
        *ret = (int64_t)value;
        return 0;
}

/* Of what the text says: a number, or a truth as one. */
static int parse(char type, const char *text, int64_t *ret)
{
        switch (type) {
        case 'i':
                return parse_integer(text, INT32_MIN, INT32_MAX, ret);
        case 'u':
                return parse_integer(text, 0, UINT32_MAX, ret);
        case 't':
                return parse_integer(text, 0, UINT64_MAX, ret);
        case 'b':
                if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
                        return -EINVAL;
                *ret = strcmp(text, "true") == 0;
                return 0;
        default:
                *ret = 0;
                return 0;
        }
}

bool detail_is_valid(const char *key, const char *text)
{
        int64_t number;

        return parse(detail_type(key), text, &number) >= 0;
}

int detail_append(sd_bus_message *m, const char *key, const char *text)
{
        char type = detail_type(key);
        int64_t number;
        int r;

        r = parse(type, text, &number);
        if (r < 0)
                return r;
        switch (type) {
        case 'i':
                return sd_bus_message_append(m, "{sv}", key, "i", (int32_t)number);
        case 'u':
                return sd_bus_message_append(m, "{sv}", key, "u", (uint32_t)number);
        case 't':
                return sd_bus_message_append(m, "{sv}", key, "t", (uint64_t)number);
        case 'b':
                return sd_bus_message_append(m, "{sv}", key, "b", (int)number);
        default:
                return sd_bus_message_append(m, "{sv}", key, "s", text);
        }
}
