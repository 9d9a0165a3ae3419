/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tests that report in TAP (Test Anything Protocol), for one C file with a main():
 *
 *         tap_ok(filter_matches(filter, event), "%s matches", row->label);
 *         tap_eq_str(event->name, "c1", "the name");
 *         tap_eq_int(r, -EINVAL, "an empty cursor is refused");
 *         return tap_done();
 *
 * Each is an expression that is true if the check passed, so that a test may give up early. The
 * text after the values is a printf() format and names the check. tap_done() prints the plan and
 * returns main()'s value; a program that ends before it has no plan, and counts as failed.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned tap_n_run, tap_n_failed;

#define tap_ok(condition, ...)     tap_report((condition), __FILE__, __LINE__, __VA_ARGS__)
#define tap_eq_str(got, want, ...) tap_report_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define tap_eq_int(got, want, ...) tap_report_int((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define tap_eq_u64(got, want, ...) tap_report_u64((got), (want), __FILE__, __LINE__, __VA_ARGS__)

/* A check's name is one line, and "#" would begin a directive. */
static inline void tap_print_name(const char *format, va_list arguments)
{
        char name[512];

        vsnprintf(name, sizeof(name), format, arguments);
        for (char *c = name; *c; c++)
                if (*c == '\n' || *c == '#')
                        *c = ' ';
        puts(name);
}

static inline void tap_vreport(bool passed, const char *file, int line, const char *format,
                               va_list arguments)
{
        printf("%s %u - ", passed ? "ok" : "not ok", ++tap_n_run);
        tap_print_name(format, arguments);
        if (!passed) {
                tap_n_failed++;
                printf("# failed at %s:%d\n", file, line);
        }
        fflush(stdout); /* what comes next may crash */
}

#define TAP_FORMAT(n) __attribute__((format(printf, n, (n) + 1)))
#define TAP_VREPORT(passed, file, line, format)                                                    \
        do {                                                                                       \
                va_list tap_arguments;                                                             \
                va_start(tap_arguments, format);                                                   \
                tap_vreport((passed), (file), (line), (format), tap_arguments);                    \
                va_end(tap_arguments);                                                             \
        } while (0)

TAP_FORMAT(4)
static inline bool tap_report(bool passed, const char *file, int line, const char *format, ...)
{
        TAP_VREPORT(passed, file, line, format);
        return passed;
}

TAP_FORMAT(1)
static inline void tap_skip(const char *format, ...)
{
        va_list arguments;

        printf("ok %u - # SKIP ", ++tap_n_run);
        va_start(arguments, format);
        tap_print_name(format, arguments);
        va_end(arguments);
}

TAP_FORMAT(5)
static inline bool tap_report_int(int64_t got, int64_t want, const char *file, int line,
                                  const char *format, ...)
{
        TAP_VREPORT(got == want, file, line, format);
        if (got != want)
                printf("# got %" PRId64 ", want %" PRId64 "\n", got, want);
        return got == want;
}

TAP_FORMAT(5)
static inline bool tap_report_u64(uint64_t got, uint64_t want, const char *file, int line,
                                  const char *format, ...)
{
        TAP_VREPORT(got == want, file, line, format);
        if (got != want)
                printf("# got %" PRIu64 ", want %" PRIu64 "\n", got, want);
        return got == want;
}

TAP_FORMAT(5)
static inline bool tap_report_str(const char *got, const char *want, const char *file, int line,
                                  const char *format, ...)
{
        bool passed = got && want ? strcmp(got, want) == 0 : got == want;
        TAP_VREPORT(passed, file, line, format);
        if (!passed)
                printf("# got  %s\n# want %s\n", got ? got : "(null)", want ? want : "(null)");
        return passed;
}

#undef TAP_FORMAT
#undef TAP_VREPORT

static inline int tap_done(void)
{
        printf("1..%u\n", tap_n_run);
        return tap_n_failed == 0 && tap_n_run > 0 ? 0 : 1;
}
