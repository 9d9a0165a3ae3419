/* SPDX-License-Identifier: Apache-2.0 */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

/* One line; a longer one is cut. */
#define LINE_MAX_BYTES 2048

void say(const char *priority, const char *format, ...)
{
        char line[LINE_MAX_BYTES];
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        for (char *c = line; *c; c++)
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        *c = ' ';
        fprintf(stderr, "%s%s\n", priority, line);
}
