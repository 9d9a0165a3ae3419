/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text-format.h"

/* What others said is quoted in it: a name that a person gave, a sentence of the service. */
static void make_one_line(char *text)
{
        for (char *c = text; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 127)
                        *c = '?';
}

bool report_is_journal(void)
{
        return getenv("JOURNAL_STREAM");
}

void report(int priority, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = text_format_list(&text, format, arguments);
        va_end(arguments);
        if (r < 0) {
                fputs("Out of memory.\n", stderr);
                return;
        }
        make_one_line(text);
        if (report_is_journal())
                fprintf(stderr, "<%d>", priority);
        else
                fprintf(stderr, "%s: ", program_invocation_short_name);
        fprintf(stderr, "%s\n", text);
}

const char *report_period(const char *sentence)
{
        size_t length = strlen(sentence);

        return length > 0 && sentence[length - 1] == '.' ? "" : ".";
}
