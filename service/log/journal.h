/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Journal: a view on what of systemd's journal is our history. Anybody can log entries with our
 * fields; journald itself says who did (_UID=), so only what our own user logged is looked at.
 *
 * The order of entries is that of their numbers: each is sent when the one before it has arrived.
 * It may hold an entry twice, if it came so late that it was sent again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-journal.h>

typedef struct Journal {
        sd_journal *journal; /* owned; NULL: not open */
        char *history;       /* owned: the matches that all entries have */
        char user[32];
} Journal;

typedef enum JournalKind {
        JOURNAL_EVENTS = 1 << 0,
        JOURNAL_MARKS = 1 << 1,
} JournalKind;

/* "history" is the absolute path of the history's folder. Returns what sd-journal says. */
int journal_open(const char *history, Journal *ret);

/* Takes one that was never opened. */
void journal_close(Journal *journal);

/* From now on looks only at these, and what is added with sd_journal_add_match(). */
int journal_match(Journal *journal, JournalKind kinds);

/* Lets go of files that were removed, and takes in new ones. Returns 1 if there were any. */
int journal_refresh(Journal *journal);

/* Whether our own user logged the present entry, for this history, whatever is looked at. Returns
 * -ENOMEM. */
int journal_is_ours(Journal *journal);

/* A field of the present entry, valid until the journal is asked for something else. Returns 1, or
 * 0 if it has none that can be read; or -ENOMEM. */
int journal_field(Journal *journal, const char *name, const char **ret, size_t *ret_length);

/* The record of the present entry, if it is an intact one; as journal_field(). */
int journal_record(Journal *journal, const char **ret, size_t *ret_length);

/*
 * The journal's own cursor of the event with this number. Returns 1 and the cursor, which the
 * caller owns; 0 if there is none; negative errno. Forgets the matches.
 */
int journal_find_seq(Journal *journal, uint64_t seq, char **ret);
