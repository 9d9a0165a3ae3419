/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define BLANKS          " \t\r"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef struct Parser {
        const UnitFileHandler *handler;
        char *section;  /* owned; NULL before the first */
        unsigned line;  /* that is read */
        unsigned begin; /* where the setting begins */
        char *joined;   /* the setting, as far as it is read; in the copy */
        char *end;      /* of that; NULL between settings */
} Parser;

static char *strip(char *text)
{
        char *end;

        text += strspn(text, BLANKS);
        end = text + strlen(text);
        while (end > text && strchr(BLANKS, end[-1]))
                end--;
        *end = '\0';
        return text;
}

static int take_section(Parser *p, char *text)
{
        size_t length = strlen(text);
        char *section;

        if (text[length - 1] != ']' || length < 3)
                return p->handler->error(p->begin, "a section is written as [NAME]",
                                         p->handler->userdata);
        section = strndup(text + 1, length - 2);
        if (!section)
                return -ENOMEM;
        free(p->section);
        p->section = section;
        return 0;
}

static int take_setting(Parser *p, char *text)
{
        char *equals;

        text = strip(text);
        if (*text == '\0')
                return 0;
        if (*text == '[')
                return take_section(p, text);
        equals = strchr(text, '=');
        if (!equals || equals == text)
                return p->handler->error(p->begin, "the line is no [SECTION] and no KEY=VALUE",
                                         p->handler->userdata);
        if (!p->section)
                return p->handler->error(p->begin, "the setting stands before any [SECTION]",
                                         p->handler->userdata);
        *equals = '\0';
        return p->handler->setting(p->begin, p->section, strip(text), strip(equals + 1),
                                   p->handler->userdata);
}

/* Whether the line goes on: its last "\" is not itself behind another. */
static bool goes_on(const char *line, size_t length)
{
        size_t n = 0;

        while (n < length && line[length - 1 - n] == '\\')
                n++;
        return n % 2 == 1;
}

/* What is joined moves to where the setting begins, within the one copy of the text. */
static int take_line(Parser *p, char *line, size_t length)
{
        bool more;
        int r;

        p->line++;
        line[length] = '\0';
        if (strchr("#;", line[strspn(line, BLANKS)]) && line[strspn(line, BLANKS)])
                return 0;
        if (!p->end) {
                p->joined = p->end = line;
                p->begin = p->line;
        }
        more = goes_on(line, length);
        memmove(p->end, line, length);
        p->end += length;
        if (more) {
                p->end[-1] = ' ';
                return 0;
        }
        *p->end = '\0';
        p->end = NULL;
        r = take_setting(p, p->joined);
        return r < 0 ? r : 0;
}

static int parse(Parser *p, char *text, size_t length)
{
        char *line = text, *end = text + length, *newline;
        int r;

        if (length >= strlen(BYTE_ORDER_MARK) &&
            memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
                line += strlen(BYTE_ORDER_MARK);
        for (; line < end; line = newline + 1) {
                newline = memchr(line, '\n', (size_t)(end - line)) ?: end;
                r = take_line(p, line, (size_t)(newline - line));
                if (r < 0)
                        return r;
        }
        if (!p->end)
                return 0;
        *p->end = '\0'; /* the file ends in a "\" */
        r = take_setting(p, p->joined);
        return r < 0 ? r : 0;
}

int unit_file_parse(const char *text, size_t length, const UnitFileHandler *handler)
{
        _cleanup_free_ char *copy = malloc(length + 1);
        Parser p = { .handler = handler };
        int r;

        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, length);
        copy[length] = '\0';
        r = parse(&p, copy, length);
        free(p.section);
        return r;
}
