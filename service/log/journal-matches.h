/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JournalMatches: what of a question the journal can look up by itself. Entries that do not match
 * are no answer; those that do may be one, and are looked at.
 *
 * A time range is looked up by the hours that it has, if it has both ends and is not too long. When
 * the journal got an entry says nothing: an event may come late.
 */

#include <stddef.h>

#include <systemd/sd-journal.h>

#include "log/log-reader.h"

/* A longer time range is looked at entry by entry: each hour is one more place to look. */
#define JOURNAL_HOURS_MAX 48

/* "FIELD=VALUE", and between them these two as sd-journal has them: "&" between groups, "|" between
 * the alternatives of a group. */
typedef struct JournalMatches {
        char **words; /* owned, and so are the words; ends with NULL */
        size_t n, n_allocated;
} JournalMatches;

/* Returns -ENOMEM. */
int journal_matches_make(const LogQuestion *question, JournalMatches *ret);
void journal_matches_done(JournalMatches *matches);

/* Adds them to those that the journal has. Returns what sd-journal says. */
int journal_matches_apply(const JournalMatches *matches, sd_journal *journal);
