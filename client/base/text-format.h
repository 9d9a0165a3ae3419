/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Texts as printf(3) makes them. asprintf(3) may leave anything in its result when there is no
 * memory, which a cleanup would free; here the result is untouched then, and the caller's else.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 0))) static inline int text_format_list(char **ret,
                                                                         const char *format,
                                                                         va_list arguments)
{
        char *text;

        if (vasprintf(&text, format, arguments) < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

__attribute__((format(printf, 2, 3))) static inline int text_format(char **ret, const char *format,
                                                                    ...)
{
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = text_format_list(ret, format, arguments);
        va_end(arguments);
        return r;
}
