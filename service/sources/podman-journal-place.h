/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanJournalPlace: which entry of the journal was taken last, for the position of its event. The
 * journal's own cursor has 140 characters, and a position stands in every record: this has what it
 * takes to go to the entry and to know it, which is some 20.
 *
 * Entries of one boot are in the order of their monotonic times, whatever the clock does and
 * whichever file they are in; so a place is one in a boot.
 */

#include <stdint.h>

/* The place as text, its NUL included. */
#define PODMAN_JOURNAL_PLACE_SIZE 96

/* By chance one boot in 260,000 is taken for another, and one entry of the same microsecond in 68
 * billion. */
#define PODMAN_JOURNAL_BOOT_BITS  18
#define PODMAN_JOURNAL_ENTRY_BITS 36

typedef struct PodmanJournalPlace {
        uint64_t boot;          /* hash of the boot's ID */
        uint64_t entry;         /* hash of the entry; 0: none, only what comes later is asked for */
        uint64_t usec;          /* of the entry, CLOCK_MONOTONIC, by journald */
        uint64_t realtime_usec; /* and CLOCK_REALTIME */
        uint64_t backlog_end; /* monotonic: what was logged up to then was there when we first ran;
                                 0: nothing */
        uint64_t time_nsec;   /* of the last event, by Podman */
} PodmanJournalPlace;

/*
 * Boot, entry and monotonic time in digits (base/digits.h), the first two of fixed widths; how far
 * the real time is behind (or "~": before) the event's; then, if there is something to say,
 * "<BACKLOG_END"; last the event's time in base 10, so that a record can leave it out where it is
 * its own (log/record.h).
 */
void podman_journal_place_format(const PodmanJournalPlace *place,
                                 char text[static PODMAN_JOURNAL_PLACE_SIZE]);

/* Returns -EINVAL for what is no place. */
int podman_journal_place_parse(const char *text, PodmanJournalPlace *ret);
