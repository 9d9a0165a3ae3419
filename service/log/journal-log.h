/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JournalLog: a history that is kept in systemd's journal. The folder of the history is its name
 * there, and the lock that keeps a second writer out; nothing is written into it.
 *
 * An event is committed when it can be read back: journald has it, and neither our end nor its own
 * takes it away again. Journald puts it on the disk within its SyncIntervalSec=, so that a power
 * cut may. After one the history has a new epoch: the numbers of what was lost are given again.
 *
 * The journal removes what is old as it is configured; what comes in must fit what it lets through
 * (RateLimitBurst=, MaxLevelStore=): what it drops is never committed, and said.
 */

#include <sys/queue.h>

#include "log/backend.h"
#include "log/journal-entry.h"
#include "log/journal.h"

#define JOURNAL_FAILURE_SIZE 1024

typedef struct JournalReader JournalReader;

/* What waits for the commit. */
typedef struct JournalWaiting {
        STAILQ_ENTRY(JournalWaiting) queue;
        JournalEntry *entry; /* owned */
        bool lost;           /* it says that events were lost */
        char *position;      /* owned; NULL: it has none */
} JournalWaiting;

typedef struct JournalLog {
        EventLog base;
        char *history; /* owned: the folder */
        void (*report)(const char *sentence, void *userdata);
        void *userdata;
        char failure[JOURNAL_FAILURE_SIZE];

        int folder_fd;         /* owned; holds the lock; -1: not open */
        Journal tail;          /* looks at what comes in */
        Journal reading;       /* for readers, who take turns */
        JournalReader *reader; /* weak: whose place "reading" is at */

        sd_id128_t epoch;
        uint64_t oldest_seq, newest_seq, next_seq;
        uint64_t n_recorded, n_lost;
        bool oldest_is_known;
        struct json_object *positions; /* owned: source -> place */
        unsigned since_mark;           /* events */

        STAILQ_HEAD(JournalQueue, JournalWaiting) queue;
        size_t waiting; /* bytes */
        bool sent;      /* the first of them; it may arrive yet */

        /* The newest that were committed. An entry can be seen a moment before journald has put it
         * into what matches look at: when the next one can be seen that is done. */
        struct JournalQueue recent;
        size_t n_recent;
        bool damage_is_reported;
} JournalLog;

void journal_log_report_damage(JournalLog *log, uint64_t behind_seq);

int journal_reader_new(EventLog *log, const LogQuestion *question, LogReader **ret);

/* Somebody else needs the view: the reader remembers where it is. */
void journal_reader_step_back(JournalReader *reader);
