/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ExitTable: full ID -> exit code, of exec sessions and containers, in a hash table on the disk, so
 * that asking for one costs one small read, however long the history is.
 *
 * It knows nothing that the log does not know: it is filled from the log, off the way of events,
 * and is made again when it is missing or damaged. What it does not tell (a start of an ID, an
 * ending without a code, an exec session of a health check, what came just now, what another user
 * than root and the history's owner says) the log does.
 *
 * The file is a header and buckets, blocks with checksums (log/block-file.h) that are written in
 * place. It is synced before its header says up to which number all endings are in it; what was
 * put in later may be lost in a crash, and is put in again.
 *
 * Nothing is taken out: an ending that is gone from the log is still told, until the table is made
 * again, as it is before it gets much larger than what is kept (log/exits.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "model/event.h"

#define EXIT_TABLE_NAME     "exits.table"
#define EXIT_TABLE_NEW_NAME "exits.table.new"

typedef enum ExitKind {
        EXIT_EXEC,
        EXIT_CONTAINER,
} ExitKind;

typedef struct ExitTable ExitTable;

/*
 * Opens the table of a history, or makes an empty one if there is none that is intact. Returns
 * negative errno: then there is none, and the log is asked.
 */
int exit_table_open(int directory_fd, sd_id128_t epoch, ExitTable **ret);

/* Opens the one that is there, to look at: nothing may be put in. Returns -ENOENT, -EBADMSG for
 * what is none of that history. */
int exit_table_open_existing(int directory_fd, sd_id128_t epoch, ExitTable **ret);

/* Takes NULL; returns NULL. What was put in since the last exit_table_sync() may be lost. */
ExitTable *exit_table_free(ExitTable *table);

static inline void exit_table_freep(ExitTable **table)
{
        exit_table_free(*table);
}

/* How many endings are in it; fewer after a crash. */
uint64_t exit_table_n_entries(const ExitTable *table);

/* All endings up to this number are in the table, durably. */
uint64_t exit_table_synced_seq(const ExitTable *table);

/* It is rather full, or growing: nothing may be put in yet. */
bool exit_table_must_grow(const ExitTable *table);

/* It is being copied to a larger one. */
bool exit_table_is_growing(const ExitTable *table);

/* Does a step of growing if it must. Returns 1 if there is more of it, 0, or negative errno. */
int exit_table_grow(ExitTable *table, int directory_fd);

/* Whether an event tells how something ended; others need not be put in. */
bool exit_table_concerns(const EventFields *event);

/*
 * Puts in what an event tells; twice does no harm. Of an exec session the first word counts, of a
 * container the last, but for what comes as backlog: that may be older than what is known. Returns
 * negative errno; -EBADMSG: the table is damaged; -EAGAIN: it is fuller than was known, and must
 * grow first.
 */
int exit_table_put(ExitTable *table, const EventFields *event);

/* Makes all that was put in durable, and says that it is all there is up to a number. */
int exit_table_sync(ExitTable *table, uint64_t seq);

/* Returns 1 with the code, 0 if the table does not tell, or negative errno. */
int exit_table_find(const ExitTable *table, ExitKind kind, const char *id, int32_t *ret_code);

/* For whoever checks it against the log. What an event says of something's end, and what the table
 * says of the same. */
typedef struct ExitWord {
        uint64_t key, value;
        bool exec;     /* else a container */
        bool replaces; /* what was said before; else the first that has a code counts */
        bool late;     /* replaces only what is not of a later time */
} ExitWord;

/* Whether what was said before, a value, stays when the word comes. */
bool exit_word_is_settled(const ExitWord *word, uint64_t value);

/* False if nothing ended. */
bool exit_table_word(const ExitTable *table, const EventFields *event, ExitWord *ret);

/* Returns 1, or 0 if nothing has the key, or negative errno. A value is equal to what a word of an
 * event has if it says the same. */
int exit_table_value(const ExitTable *table, uint64_t key, uint64_t *ret);

/* Reads all of it: 0 if every block is intact. */
int exit_table_check(const ExitTable *table);
