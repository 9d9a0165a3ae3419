/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-journal-place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"
#include "base/number.h"

#define BOOT_DIGITS  (PODMAN_JOURNAL_BOOT_BITS / DIGIT_BITS)
#define ENTRY_DIGITS (PODMAN_JOURNAL_ENTRY_BITS / DIGIT_BITS)
#define FIXED_DIGITS (BOOT_DIGITS + ENTRY_DIGITS)

/* No digit, as "-" is. */
#define BEFORE '~'

void podman_journal_place_format(const PodmanJournalPlace *place,
                                 char text[static PODMAN_JOURNAL_PLACE_SIZE])
{
        uint64_t event_usec = place->time_nsec / 1000;
        char *p = text;

        p = digits_put_fixed(p, place->boot, BOOT_DIGITS);
        p = digits_put_fixed(p, place->entry, ENTRY_DIGITS);
        p = digits_put(p, place->usec);
        *p++ = ' ';
        if (place->realtime_usec < event_usec)
                *p++ = BEFORE;
        p = digits_put(p, place->realtime_usec < event_usec ? event_usec - place->realtime_usec
                                                            : place->realtime_usec - event_usec);
        if (place->backlog_end > 0) {
                *p++ = ' ';
                *p++ = '<';
                p = digits_put(p, place->backlog_end);
        }
        snprintf(p, (size_t)(text + PODMAN_JOURNAL_PLACE_SIZE - p), " %" PRIu64, place->time_nsec);
}

static int parse_fixed(const char *word, PodmanJournalPlace *place)
{
        size_t length = strlen(word);

        if (length <= FIXED_DIGITS || digits_parse(word, BOOT_DIGITS, false, &place->boot) < 0 ||
            digits_parse(word + BOOT_DIGITS, ENTRY_DIGITS, false, &place->entry) < 0 ||
            digits_parse(word + FIXED_DIGITS, length - FIXED_DIGITS, true, &place->usec) < 0)
                return -EINVAL;
        return 0;
}

static int parse_realtime(const char *word, PodmanJournalPlace *place)
{
        uint64_t event_usec = place->time_nsec / 1000, difference;
        bool before;

        if (!word)
                return -EINVAL;
        before = *word == BEFORE;
        word += before;
        if (digits_parse(word, strlen(word), true, &difference) < 0 ||
            (before ? difference == 0 || difference > event_usec
                    : difference > UINT64_MAX - event_usec))
                return -EINVAL;

        place->realtime_usec = before ? event_usec - difference : event_usec + difference;
        return 0;
}

int podman_journal_place_parse(const char *text, PodmanJournalPlace *ret)
{
        char copy[PODMAN_JOURNAL_PLACE_SIZE], *rest = copy, *realtime, *word;
        PodmanJournalPlace place = {};

        if (strlen(text) >= sizeof(copy))
                return -EINVAL;
        memcpy(copy, text, strlen(text) + 1);
        if (parse_fixed(strsep(&rest, " "), &place) < 0)
                return -EINVAL;
        realtime = strsep(&rest, " ");
        word = strsep(&rest, " ");
        if (word && *word == '<') {
                if (digits_parse(word + 1, strlen(word + 1), true, &place.backlog_end) < 0 ||
                    place.backlog_end == 0)
                        return -EINVAL;
                word = strsep(&rest, " ");
        }
        if (!word || rest || parse_u64(word, &place.time_nsec) < 0 ||
            parse_realtime(realtime, &place) < 0)
                return -EINVAL;

        *ret = place;
        return 0;
}
