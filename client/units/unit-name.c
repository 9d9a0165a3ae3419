/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdef"
#define LETTERS                                                                                    \
        "abcdefghijklmnopqrstuvwxyz"                                                               \
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNESCAPED DIGITS LETTERS ":_."

/* A scope has no file to be started from, and a device comes by itself. */
static const char *const types[] = {
        ".service", ".target", ".timer", ".path",      ".socket",
        ".mount",   ".swap",   ".slice", ".automount",
};

bool unit_name_takes(char c)
{
        return c != '\0' && strchr(UNESCAPED "-\\", c);
}

const char *unit_name_type(const char *name)
{
        const char *dot = strrchr(name, '.');

        for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(dot, types[i]) == 0)
                        return dot;
        return NULL;
}

UnitNameKind unit_name_kind(const char *name)
{
        const char *type = unit_name_type(name), *at = strchr(name, '@');

        if (!type || strlen(name) > UNIT_NAME_MAX || *name == '.' || *name == '@')
                return UNIT_NAME_INVALID;
        for (const char *p = name; *p; p++)
                if (*p != '@' && !unit_name_takes(*p))
                        return UNIT_NAME_INVALID;
        if (!at)
                return UNIT_NAME_PLAIN;
        if (at > type)
                return UNIT_NAME_INVALID;
        return at + 1 == type ? UNIT_NAME_TEMPLATE : UNIT_NAME_INSTANCE;
}

int unit_name_escape(const char *text, char **ret)
{
        size_t length = strlen(text);
        _cleanup_free_ char *escaped = NULL;
        char *p;

        if (length > (SIZE_MAX - 1) / 4)
                return -ENOMEM;
        p = escaped = malloc(length * 4 + 1);
        if (!escaped)
                return -ENOMEM;
        for (size_t i = 0; i < length; i++) {
                if (text[i] == '/')
                        *p++ = '-';
                else if (strchr(UNESCAPED, text[i]) && !(i == 0 && text[i] == '.'))
                        *p++ = text[i];
                else
                        p += sprintf(p, "\\x%02x", (unsigned char)text[i]);
        }
        *p = '\0';
        *ret = TAKE_PTR(escaped);
        return 0;
}

size_t unit_name_escaped_character(const char *text)
{
        if (*text == '\0')
                return 0;
        if (*text == '-' || strchr(UNESCAPED, *text))
                return 1;
        return *text == '\\' && text[1] == 'x' && text[2] && strchr(HEX, text[2]) && text[3] &&
                               strchr(HEX, text[3])
                       ? 4
                       : 0;
}
