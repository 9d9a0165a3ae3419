/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Memory that fails when a test wants it to: the linker gives the calls of what is tested to the
 * functions here (tests/meson.build lists which). WRAP() adds those of other libraries.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

static unsigned countdown; /* 0: nothing fails */
static bool failed;

static bool is_failure(void)
{
        if (countdown == 0 || --countdown > 0)
                return false;
        failed = true;
        errno = ENOMEM;
        return true;
}

/* What a call becomes: one that fails, or the real one. */
#define WRAP(type, failure, function, parameters, ...)                                             \
        type __real_##function parameters;                                                         \
        type __wrap_##function parameters;                                                         \
        type __wrap_##function parameters                                                          \
        {                                                                                          \
                return is_failure() ? (failure) : __real_##function(__VA_ARGS__);                  \
        }

WRAP(void *, NULL, malloc, (size_t size), size)
WRAP(void *, NULL, calloc, (size_t n, size_t size), n, size)
WRAP(void *, NULL, realloc, (void *old, size_t size), old, size)
WRAP(void *, NULL, reallocarray, (void *old, size_t n, size_t size), old, n, size)
WRAP(char *, NULL, strdup, (const char *string), string)
WRAP(char *, NULL, strndup, (const char *string, size_t n), string, n)
WRAP(int, -1, vasprintf, (char **ret, const char *format, va_list args), ret, format, args)

int __wrap_asprintf(char **ret, const char *format, ...);

int __wrap_asprintf(char **ret, const char *format, ...)
{
        va_list args;
        int n;

        if (is_failure())
                return -1;
        va_start(args, format);
        n = __real_vasprintf(ret, format, args);
        va_end(args);
        return n;
}
