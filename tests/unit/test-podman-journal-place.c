/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "log/record.h"
#include "sample.h"
#include "sources/podman-journal-place.h"
#include "tap.h"

static void test_a_place_comes_back_as_it_was(void)
{
        static const PodmanJournalPlace places[] = {
                { .boot = 0 },
                { .boot = 1,
                  .entry = 2,
                  .usec = 3,
                  .realtime_usec = 4,
                  .backlog_end = 5,
                  .time_nsec = 6 },
                { .boot = 1, .entry = 2, .usec = 62, .realtime_usec = 62, .time_nsec = 999 },
                { .boot = 1, .usec = 64, .realtime_usec = 10, .time_nsec = 72000 },
                { .boot = 1, .usec = 64, .realtime_usec = 0, .time_nsec = 62 * 64 * 1000 },
                { .boot = 0x3ffff,
                  .entry = 0xfffffffff,
                  .usec = UINT64_MAX,
                  .realtime_usec = UINT64_MAX,
                  .backlog_end = UINT64_MAX,
                  .time_nsec = 0 },
                { .boot = 0x3ffff, .realtime_usec = UINT64_MAX, .time_nsec = UINT64_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const PodmanJournalPlace *place = places + i;
                char text[PODMAN_JOURNAL_PLACE_SIZE];
                PodmanJournalPlace again;

                podman_journal_place_format(place, text);
                tap_eq_int(podman_journal_place_parse(text, &again), 0, "%s", text);
                tap_ok(again.boot == place->boot && again.entry == place->entry &&
                               again.usec == place->usec &&
                               again.realtime_usec == place->realtime_usec &&
                               again.backlog_end == place->backlog_end &&
                               again.time_nsec == place->time_nsec,
                       "is the same");
        }
}

#define FIXED "AAAAAAAAA" /* without a time */

static void test_what_is_no_place(void)
{
        static const char *const texts[] = {
                "",
                "rubbish",
                FIXED " A 1",
                FIXED "B",
                FIXED "B A",
                FIXED "B 1",
                FIXED "B A 1 ",
                FIXED "B A 1 1",
                FIXED "AB A 1",
                FIXED "B  1",
                FIXED "B ~ 1",
                FIXED "B ~A 1",
                FIXED "B ~B 1",
                FIXED "B A <A 1",
                FIXED "B A < 1",
                FIXED "B A <B",
                FIXED "B A <B <B 1",
                FIXED "B AAB 1",
                FIXED "B P__________ 1000",
                FIXED "B A 18446744073709551616",
        };
        PodmanJournalPlace place = { .boot = 7 };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                tap_eq_int(podman_journal_place_parse(texts[i], &place), -EINVAL, "\"%s\"",
                           texts[i]);
        tap_eq_u64(place.boot, 7, "it is left alone");
}

/* It stands in every record. */
static void test_it_is_short(void)
{
        const EventFields fields = { .type = "container",
                                     .status = "died",
                                     .time_nsec = SAMPLE_TIME };
        const PodmanJournalPlace place = {
                .boot = 0x3ffff,
                .entry = 0xfffffffff,
                .usec = UINT64_C(86400) * 1000000 * 400,
                .realtime_usec = SAMPLE_TIME / 1000 + 700,
                .time_nsec = SAMPLE_TIME,
        };
        _cleanup_event_ Event *event = event_of(&fields);
        char text[PODMAN_JOURNAL_PLACE_SIZE], position[POSITION_SIZE], again[POSITION_SIZE];
        _cleanup_free_ char *line = NULL;
        size_t length;

        podman_journal_place_format(&place, text);
        snprintf(position, sizeof(position), "podman-journal %s", text);
        must(record_format(event, 1, position, &line, &length) == 0);
        tap_ok(strstr(line, "\"podman-journal _________H26ghgAA K8@\""),
               "the time is left to the record");
        tap_ok(record_position(line, length - 1, again) && strcmp(again, position) == 0,
               "and comes back");
}

int main(void)
{
        test_a_place_comes_back_as_it_was();
        test_what_is_no_place();
        test_it_is_short();
        return tap_done();
}
