/* SPDX-License-Identifier: Apache-2.0 */
#include "specifier.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "hash.h"
#include "text-format.h"
#include "text-stream.h"
#include "unit-name.h"

#define SPECIFIERS "nisteEx%"

/* What stands for an instance that is too long, at least. */
#define INSTANCE_SHORTENED_MIN (1 + TEXT_HASH_LENGTH)

/* A pattern, taken apart: "page" "@" "%n" ".service". */
typedef struct Parts {
        size_t prefix_length;
        const char *instance; /* behind the "@"; NULL: there is none */
        size_t instance_length;
        const char *type;
} Parts;

__attribute__((format(printf, 2, 3))) static int refuse(char **ret_problem, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = text_format_list(ret_problem, format, ap);
        va_end(ap);
        return r < 0 ? r : -EINVAL;
}

static bool split(const char *pattern, Parts *ret)
{
        const char *type = unit_name_type(pattern), *at = strchr(pattern, '@');

        if (!type || (at && at > type))
                return false;
        *ret = (Parts){
                .prefix_length = (size_t)((at ?: type) - pattern),
                .instance = at ? at + 1 : NULL,
                .instance_length = at ? (size_t)(type - at - 1) : 0,
                .type = type,
        };
        return true;
}

static int check_prefix(const char *pattern, const Parts *parts, char **ret_problem)
{
        if (parts->prefix_length == 0 || *pattern == '.')
                return refuse(ret_problem, "a unit's name begins with a letter or a digit");
        for (size_t i = 0; i < parts->prefix_length; i++) {
                if (pattern[i] == '%')
                        return refuse(ret_problem,
                                      "a specifier may stand behind an \"@\" alone, as in "
                                      "NAME@%%n.service, for an event must not choose the unit");
                if (!unit_name_takes(pattern[i]))
                        return refuse(ret_problem, "a unit's name has no \"%.1s\"", pattern + i);
        }
        return 0;
}

static int check_instance(const Parts *parts, char **ret_problem)
{
        const char *p = parts->instance, *end = p + parts->instance_length;

        if (p == end)
                return refuse(ret_problem, "a template cannot be started: say which instance, "
                                           "as in NAME@%%n.service");
        for (; p < end; p++) {
                if (*p == '%') {
                        p++;
                        if (p == end || !strchr(SPECIFIERS, *p))
                                return refuse(ret_problem,
                                              "there is no specifier \"%%%.*s\": use one of %%n, "
                                              "%%i, %%s, %%t, %%e, %%E, %%x and %%%%",
                                              p == end ? 0 : 1, p);
                } else if (!unit_name_takes(*p)) {
                        return refuse(ret_problem, "a unit's instance has no \"%.1s\"", p);
                }
        }
        return 0;
}

int unit_pattern_check(const char *pattern, char **ret_problem)
{
        Parts parts;
        int r;

        for (const char *p = pattern; *p; p++)
                if (!isprint((unsigned char)*p) || *p == ' ')
                        return refuse(ret_problem, "a unit's name is ASCII without blanks");
        if (!split(pattern, &parts))
                return refuse(ret_problem, "it does not end in the type of a unit that can be "
                                           "started, as .service");
        if (strlen(pattern) > UNIT_NAME_MAX)
                return refuse(ret_problem, "a unit's name has at most %d bytes", UNIT_NAME_MAX);
        r = check_prefix(pattern, &parts, ret_problem);
        if (r < 0 || !parts.instance)
                return r;
        if (parts.prefix_length + 1 + INSTANCE_SHORTENED_MIN + strlen(parts.type) > UNIT_NAME_MAX)
                return refuse(ret_problem, "the name leaves no room for an instance");
        return check_instance(&parts, ret_problem);
}

static int print_value(FILE *f, char specifier, const TriggerEvent *e)
{
        const char *const texts[] = {
                ['n'] = e->name,   ['i'] = e->id,     ['t'] = e->type,
                ['e'] = e->status, ['E'] = e->engine, ['%'] = "%",
        };
        _cleanup_free_ char *escaped = NULL;
        int r;

        if (specifier == 's') {
                (void)fprintf(f, "%" PRIu64, e->seq);
        } else if (specifier == 'x') {
                if (e->has_exit_code)
                        (void)fprintf(f, "%s%u", e->exit_code < 0 ? "\\x2d" : "",
                                      e->exit_code < 0 ? -(unsigned)e->exit_code
                                                       : (unsigned)e->exit_code);
        } else {
                r = unit_name_escape(texts[(unsigned char)specifier] ?: "", &escaped);
                if (r < 0)
                        return r;
                (void)fputs(escaped, f);
        }
        return 0;
}

static int print_instance(FILE *f, const char *p, const char *end, const TriggerEvent *e)
{
        int r;

        for (; p < end; p++) {
                if (*p != '%') {
                        (void)fputc(*p, f);
                        continue;
                }
                r = print_value(f, *++p, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int expand(const char *p, size_t length, const TriggerEvent *e, char **ret)
{
        _cleanup_(text_stream_done) TextStream s = {};
        int r = text_stream_open(&s);

        if (r >= 0)
                r = print_instance(s.file, p, p + length, e);
        return r < 0 ? r : text_stream_close(&s, ret);
}

static int instance_of(const Parts *parts, const TriggerEvent *e, char **ret)
{
        const char *const patterns[] = { "%i", "%s" }; /* if nothing comes out */
        _cleanup_free_ char *instance = NULL;
        int r = expand(parts->instance, parts->instance_length, e, &instance);

        for (size_t i = 0; i < 2 && r >= 0 && *instance == '\0'; i++) {
                free(TAKE_PTR(instance));
                r = expand(patterns[i], strlen(patterns[i]), e, &instance);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(instance);
        return 0;
}

/* How much of the text fits, without half a character at its end. */
static size_t cut(const char *text, size_t room)
{
        size_t n = 0;

        for (;;) {
                size_t length = unit_name_escaped_character(text + n) ?: 1;

                if (length > room - n)
                        return n;
                n += length;
        }
}

int unit_pattern_expand(const char *pattern, const TriggerEvent *event, char **ret)
{
        _cleanup_free_ char *instance = NULL;
        char hash[TEXT_HASH_LENGTH + 1], mark[] = "@";
        size_t length, room;
        Parts parts;
        char *unit;
        int r;

        if (!split(pattern, &parts))
                return -EINVAL;
        if (!parts.instance) {
                unit = strdup(pattern);
                if (!unit)
                        return -ENOMEM;
                *ret = unit;
                return 0;
        }
        r = instance_of(&parts, event, &instance);
        if (r < 0)
                return r;
        length = strlen(instance);
        room = UNIT_NAME_MAX - parts.prefix_length - strlen("@") - strlen(parts.type);
        hash[0] = mark[0] = '\0';
        if (length > room) {
                text_hash(instance, hash);
                mark[0] = '@';
                length = cut(instance, room - INSTANCE_SHORTENED_MIN);
        }
        if (asprintf(&unit, "%.*s@%.*s%s%s%s", (int)parts.prefix_length, pattern, (int)length,
                     instance, mark, hash, parts.type) < 0)
                return -ENOMEM;
        *ret = unit;
        return 0;
}

/*
 * Whether the text is the pattern with some value for each specifier; or, of the beginning of a
 * text, whether it could be. A value is any number of escaped characters: it takes none at first,
 * and one more each time when what follows does not fit.
 */
static bool instance_matches(const char *p, const char *p_end, const char *text,
                             const char *text_end, bool beginning)
{
        const char *behind = NULL; /* the last specifier in the pattern */
        const char *value_end = NULL;

        while (text < text_end) {
                if (p < p_end && *p == '%' && p[1] != '%') {
                        behind = p += 2;
                        value_end = text;
                } else if (p < p_end && *p == '%' && strncmp(text, "\\x25", 4) == 0) {
                        p += 2;
                        text += 4;
                } else if (p < p_end && *p != '%' && *p == *text) {
                        p++;
                        text++;
                } else {
                        size_t n = behind ? unit_name_escaped_character(value_end) : 0;

                        if (n == 0 || n > (size_t)(text_end - value_end))
                                return false;
                        text = value_end += n;
                        p = behind;
                }
        }
        while (p < p_end && *p == '%' && p[1] != '%')
                p += 2;
        return beginning || p == p_end;
}

/* Where the mark of a shortened instance stands; NULL: it is none. */
static const char *shortened_at(const char *instance, const char *type)
{
        const char *mark;

        if (type - instance < INSTANCE_SHORTENED_MIN)
                return NULL;
        mark = type - INSTANCE_SHORTENED_MIN;
        if (*mark != '@' || strspn(mark + 1, "0123456789abcdef") != TEXT_HASH_LENGTH)
                return NULL;
        return mark;
}

bool unit_pattern_matches(const char *pattern, const char *unit)
{
        const char *instance, *type, *mark, *end;
        Parts parts;

        if (!split(pattern, &parts))
                return false;
        if (!parts.instance)
                return strcmp(pattern, unit) == 0;
        if (unit_name_kind(unit) != UNIT_NAME_INSTANCE ||
            strncmp(unit, pattern, parts.prefix_length + 1) != 0)
                return false;
        type = unit_name_type(unit);
        if (strcmp(type, parts.type) != 0)
                return false;
        instance = unit + parts.prefix_length + 1;
        mark = shortened_at(instance, type);
        end = parts.instance + parts.instance_length;
        return instance_matches(parts.instance, end, instance, mark ?: type, mark != NULL);
}
