/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)

/* Behind the heading: "Mon 2026-11-23 02:00:00 UTC", perhaps with a fraction. */
static int parse_time(const char *text, uint64_t *ret_usec)
{
        struct tm tm = {};
        const char *rest;
        time_t seconds;

        text += strspn(text, " ");
        if (strncmp(text, "never", 5) == 0) {
                *ret_usec = CALENDAR_NEVER;
                return 0;
        }
        text += strcspn(text, " \n"); /* the day of the week is said by the date */
        rest = strptime(text, " %Y-%m-%d %H:%M:%S", &tm);
        if (!rest)
                return -EINVAL;
        if (*rest == '.')
                rest += 1 + strspn(rest + 1, "0123456789");
        if (strncmp(rest, " UTC", 4) != 0)
                return -EINVAL;
        seconds = timegm(&tm);
        if (seconds < 0)
                return -EINVAL;

        *ret_usec = (uint64_t)seconds * USEC_PER_SEC;
        return 0;
}

/* In another time zone than UTC that is said in a line of its own, below. */
int calendar_parse(const char *output, uint64_t *ret_usec)
{
        static const char *const headings[] = { "(in UTC):", "Next elapse:" };

        for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
                const char *found = strstr(output, headings[i]);

                if (found)
                        return parse_time(found + strlen(headings[i]), ret_usec);
        }
        return -EINVAL;
}

void calendar_base(uint64_t now_usec, uint64_t length_usec, char ret[CALENDAR_BASE_SIZE])
{
        uint64_t base = now_usec > length_usec ? now_usec - length_usec : 0;

        snprintf(ret, CALENDAR_BASE_SIZE, "--base-time=@%" PRIu64, base / USEC_PER_SEC);
}

CalendarWindow calendar_window(uint64_t elapse_usec, uint64_t length_usec, uint64_t now_usec)
{
        if (elapse_usec == CALENDAR_NEVER || elapse_usec > now_usec)
                return (CalendarWindow){ .until_usec = elapse_usec };
        return (CalendarWindow){ .open = now_usec - elapse_usec < length_usec,
                                 .until_usec = elapse_usec + length_usec };
}
