/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PodmanJournalView: what Podman's processes logged in one boot, in order, as far as it stands
 * still.
 *
 * journald writes an entry after the other, but into a file for each user, and sd-journal looks at
 * one file after the other. What is written meanwhile can show the later of two entries and not the
 * earlier one, which would never be seen again. So a look begins by taking down which entry is the
 * newest, of anybody; everything before that is there, in whichever file; and what comes behind it
 * is left for the next look. A look also begins afresh because sd-journal thinks that a file in
 * which it found nothing has nothing until its next entry, even if it looked when an entry was only
 * half written.
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "sources/podman-entry.h"
#include "sources/podman-journal-place.h"

/* Room for the journal's own cursor, its NUL included: six numbers of at most 32 digits. */
#define JOURNAL_CURSOR_SIZE 192

/* An entry of the journal, whoever's. */
typedef struct JournalPoint {
        char cursor[JOURNAL_CURSOR_SIZE];
        uint64_t seqnum; /* the journal's own, over all files */
        sd_id128_t boot;
        uint64_t usec;          /* CLOCK_MONOTONIC */
        uint64_t realtime_usec; /* CLOCK_REALTIME */
        uint64_t hash;          /* of the entry, as a place has it */
} JournalPoint;

typedef struct PodmanJournalView {
        sd_journal *journal;  /* owned; NULL: not open */
        bool all_users;       /* it sees the files of everybody */
        sd_id128_t boot;      /* whose entries are looked at */
        JournalPoint newest;  /* of the boot, when the look began */
        JournalPoint present; /* the entry at hand */
        bool stays;           /* it was not given out yet */
        bool has_more;        /* there is one behind the newest */
} PodmanJournalView;

/* What a place has of a boot's ID. */
uint64_t podman_journal_boot_hash(sd_id128_t boot);

/* "user": the files that our user has, and else those of everybody. Returns what sd-journal says.
 */
int podman_journal_view_open(PodmanJournalView *view, bool user);

/* Takes one that was never opened. */
void podman_journal_view_close(PodmanJournalView *view);

/*
 * The boots of the journal. All return 1 and the boot's ID, 0 if there is none, negative errno; and
 * all end the look.
 */

/* This one; where its ID is not known, the one that logged last. */
int podman_journal_view_current_boot(PodmanJournalView *view, sd_id128_t *ret);

/* The one with this hash. */
int podman_journal_view_find_boot(PodmanJournalView *view, uint64_t hash, sd_id128_t *ret);

/* The one in which Podman logged next, behind a place in the journal's order: the boot of the view
 * if there is none, and it is the current one. */
int podman_journal_view_boot_after(PodmanJournalView *view, const char *cursor, sd_id128_t *ret);

/* Whether any other boot is in the journal, so that it outlives them: 1 or 0, or negative errno. */
int podman_journal_view_outlives(PodmanJournalView *view, sd_id128_t boot);

/*
 * Begins a look behind a place in the boot of the view. "cursor" is the journal's for the place, if
 * known, and else "". Returns 1; 0 if the entry of the place is not there any more: it then stands
 * before what came later. -ENOENT if the boot has no entries at all.
 */
int podman_journal_view_begin(PodmanJournalView *view, const PodmanJournalPlace *place,
                              const char *cursor);

/* Goes to the next entry, which is "present" then. Returns 1, or 0 at the end of the look. */
int podman_journal_view_next(PodmanJournalView *view);

/* Shows the fields of the present entry. Returns as podman_entry_read(). */
int podman_journal_view_read(PodmanJournalView *view, PodmanEntry *entry);

/*
 * Whether all that was logged in the boot after an entry of it is still there: 1 or 0, or negative
 * errno. It ends the look.
 */
int podman_journal_view_is_whole(PodmanJournalView *view, const JournalPoint *since);
