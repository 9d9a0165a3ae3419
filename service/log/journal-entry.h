/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clang-format off */
/*
 * JournalEntry: an entry of systemd's journal that holds an event, or a mark. For people it has a
 * sentence and a priority, for journalctl a field for each thing that one asks for, and in
 * CE_JOURNAL_RECORD the whole record (log/record.h), so that what is read back is the same with
 * every backend.
 *
 *   _HISTORY         which history: the absolute path of its folder
 *   _EPOCH _SEQ      its place there
 *   _TYPE _STATUS    the status as the word of all aliases: "died" also for "die"
 *   _ID _NAME _IMAGE _ENGINE _EXEC_ID _POD_ID _NETWORK _UID _EXIT_CODE _TIME_NSEC
 *   _LABEL           KEY=VALUE, one field for each
 *   _SOURCE          whose event it is, if it has a position
 *   _RECORD          the record, without "\n"
 *
 * and three that make exact matches of what is no exact question:
 *
 *   _ID_START _EXEC_ID_START   the first 12 characters
 *   _ODD             "id": it is not 12 or more of 0-9a-f; "labels": not all labels are fields
 *   _HOUR            _TIME_NSEC in hours
 *
 * A mark is the header of a segment (log/record.h): it keeps epoch and positions, if the events
 * that told them are gone. It stands where a service opened the history, again after so many
 * events, and, with _MARK=end, where one ended well.
 */
/* clang-format on */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>
#include <systemd/sd-id128.h>

#include "log/record.h"
#include "model/event.h"

#define CE_JOURNAL_FIELD         "CONTAINERS_EVENTS_"
#define CE_JOURNAL_HISTORY       CE_JOURNAL_FIELD "HISTORY"
#define CE_JOURNAL_EPOCH         CE_JOURNAL_FIELD "EPOCH"
#define CE_JOURNAL_SEQ           CE_JOURNAL_FIELD "SEQ"
#define CE_JOURNAL_TYPE          CE_JOURNAL_FIELD "TYPE"
#define CE_JOURNAL_STATUS        CE_JOURNAL_FIELD "STATUS"
#define CE_JOURNAL_ID            CE_JOURNAL_FIELD "ID"
#define CE_JOURNAL_ID_START      CE_JOURNAL_FIELD "ID_START"
#define CE_JOURNAL_NAME          CE_JOURNAL_FIELD "NAME"
#define CE_JOURNAL_IMAGE         CE_JOURNAL_FIELD "IMAGE"
#define CE_JOURNAL_ENGINE        CE_JOURNAL_FIELD "ENGINE"
#define CE_JOURNAL_EXEC_ID       CE_JOURNAL_FIELD "EXEC_ID"
#define CE_JOURNAL_EXEC_ID_START CE_JOURNAL_FIELD "EXEC_ID_START"
#define CE_JOURNAL_POD_ID        CE_JOURNAL_FIELD "POD_ID"
#define CE_JOURNAL_NETWORK       CE_JOURNAL_FIELD "NETWORK"
#define CE_JOURNAL_UID           CE_JOURNAL_FIELD "UID"
#define CE_JOURNAL_EXIT_CODE     CE_JOURNAL_FIELD "EXIT_CODE"
#define CE_JOURNAL_TIME_NSEC     CE_JOURNAL_FIELD "TIME_NSEC"
#define CE_JOURNAL_HOUR          CE_JOURNAL_FIELD "HOUR"
#define CE_JOURNAL_LABEL         CE_JOURNAL_FIELD "LABEL"
#define CE_JOURNAL_SOURCE        CE_JOURNAL_FIELD "SOURCE"
#define CE_JOURNAL_ODD           CE_JOURNAL_FIELD "ODD"
#define CE_JOURNAL_MARK          CE_JOURNAL_FIELD "MARK"
#define CE_JOURNAL_RECORD        CE_JOURNAL_FIELD "RECORD"

/* Of an ID that is the start of another's we look at so many characters: what engines show. */
#define JOURNAL_ID_START 12

#define JOURNAL_NSEC_PER_HOUR (UINT64_C(3600) * 1000000000)

/* journald drops an entry with more than 1,024 fields, and each costs it room in its tables; more
 * labels than anybody sets. */
#define JOURNAL_LABELS_MAX 128

/* Of which history the entry is. */
typedef struct JournalStamp {
        const char *history;
        sd_id128_t epoch;
} JournalStamp;

typedef struct JournalEntry {
        bool mark;
        uint64_t seq;         /* of the event; of a mark the next event's */
        const char *record;   /* weak: its field's value */
        size_t record_length; /* without "\n" */

        struct iovec *fields; /* owned, and so are their texts: "NAME=VALUE" */
        size_t n_fields, n_allocated;
        size_t size; /* bytes of all of them */
} JournalEntry;

/* As record_format(). The caller owns it. */
int journal_entry_new(const JournalStamp *stamp, const Event *event, uint64_t seq,
                      const char *position, JournalEntry **ret);

/* The caller owns it. Returns -ENOMEM. */
int journal_entry_new_mark(const JournalStamp *stamp, uint64_t next_seq,
                           struct json_object *positions, bool end, JournalEntry **ret);

/* Takes NULL; returns NULL. */
JournalEntry *journal_entry_free(JournalEntry *entry);

static inline void journal_entry_freep(JournalEntry **entry)
{
        journal_entry_free(*entry);
}

/* Whether an ID is of the form that engines give: what cannot start another. */
bool journal_id_is_plain(const char *id);
