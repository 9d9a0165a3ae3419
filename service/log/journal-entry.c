/* SPDX-License-Identifier: Apache-2.0 */
#include "log/journal-entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "log/journal-message.h"
#include "model/vocabulary.h"
#include "names.h"

/* All fields that are not labels fit into it. */
#define FIELDS_FEW 40

JournalEntry *journal_entry_free(JournalEntry *entry)
{
        if (!entry)
                return NULL;

        for (size_t i = 0; i < entry->n_fields; i++)
                free(entry->fields[i].iov_base);
        free(entry->fields);
        free(entry);
        return NULL;
}

/* Takes the text; NULL is what a constructor returns without memory. */
static int add_text(JournalEntry *entry, char *text, size_t length)
{
        if (!text)
                return -ENOMEM;
        if (entry->n_fields == entry->n_allocated) {
                size_t n = entry->n_allocated > 0 ? entry->n_allocated * 2 : FIELDS_FEW;
                struct iovec *fields = reallocarray(entry->fields, n, sizeof(struct iovec));

                if (!fields) {
                        free(text);
                        return -ENOMEM;
                }
                entry->fields = fields;
                entry->n_allocated = n;
        }

        entry->fields[entry->n_fields++] = (struct iovec){ text, length };
        entry->size += length;
        return 0;
}

__attribute__((format(printf, 2, 3))) static int add(JournalEntry *entry, const char *format, ...)
{
        char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        return n < 0 ? -ENOMEM : add_text(entry, text, (size_t)n);
}

/* What is empty or does not apply has no field. */
static int add_string(JournalEntry *entry, const char *field, const char *value)
{
        return value && *value ? add(entry, "%s=%s", field, value) : 0;
}

/* ---- of all entries ---- */

static int add_record(JournalEntry *entry, const char *line, size_t length)
{
        static const char name[] = CE_JOURNAL_RECORD "=";
        const size_t name_length = sizeof(name) - 1;
        char *text = malloc(name_length + length);

        if (!text)
                return -ENOMEM;
        length--; /* "\n" */
        memcpy(text, name, name_length);
        memcpy(text + name_length, line, length);
        entry->record = text + name_length;
        entry->record_length = length;
        return add_text(entry, text, name_length + length);
}

static int add_stamp(JournalEntry *entry, const JournalStamp *stamp)
{
        char epoch[SD_ID128_STRING_MAX];
        int r;

        if ((r = add(entry, "SYSLOG_IDENTIFIER=" CE_JOURNAL_IDENTIFIER)) < 0 ||
            (r = add(entry, CE_JOURNAL_HISTORY "=%s", stamp->history)) < 0 ||
            (r = add(entry, CE_JOURNAL_EPOCH "=%s", sd_id128_to_string(stamp->epoch, epoch))) < 0 ||
            (r = add(entry, CE_JOURNAL_SEQ "=%" PRIu64, entry->seq)) < 0)
                return r;
        return 0;
}

/* ---- events ---- */

bool journal_id_is_plain(const char *id)
{
        size_t n = strspn(id, "0123456789abcdef");

        return n >= JOURNAL_ID_START && id[n] == '\0';
}

static int add_id_start(JournalEntry *entry, const char *field, const char *id)
{
        if (!id || strlen(id) < JOURNAL_ID_START)
                return 0;
        return add(entry, "%s=%.*s", field, JOURNAL_ID_START, id);
}

static int add_labels(JournalEntry *entry, const EventFields *event)
{
        for (size_t i = 0; i < event->n_attributes && i < JOURNAL_LABELS_MAX; i++) {
                int r = add(entry, CE_JOURNAL_LABEL "=%s=%s", event->attributes[i].key,
                            event->attributes[i].value);

                if (r < 0)
                        return r;
        }

        return event->n_attributes > JOURNAL_LABELS_MAX ? add(entry, CE_JOURNAL_ODD "=labels") : 0;
}

static int add_numbers(JournalEntry *entry, const EventFields *event)
{
        int r;

        if ((r = add(entry, CE_JOURNAL_TIME_NSEC "=%" PRIu64, event->time_nsec)) < 0 ||
            (r = add(entry, CE_JOURNAL_HOUR "=%" PRIu64,
                     event->time_nsec / JOURNAL_NSEC_PER_HOUR)) < 0)
                return r;
        if (event->has_exit_code) {
                r = add(entry, CE_JOURNAL_EXIT_CODE "=%d", event->exit_code);
                if (r < 0)
                        return r;
        }
        return event->has_uid ? add(entry, CE_JOURNAL_UID "=%" PRIu32, event->uid) : 0;
}

static int add_event(JournalEntry *entry, const EventFields *event)
{
        char message[JOURNAL_MESSAGE_SIZE];
        int r;

        journal_message(event, message);
        if ((r = add(entry, "MESSAGE=%s", message)) < 0 ||
            (r = add(entry, "MESSAGE_ID=" CE_MESSAGE_EVENT)) < 0 ||
            (r = add(entry, "PRIORITY=%d", journal_priority(event))) < 0 ||
            (r = add_string(entry, CE_JOURNAL_TYPE, event->type)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_STATUS, event_status_canonical(event->status))) < 0 ||
            (r = add_string(entry, CE_JOURNAL_ID, event->id)) < 0 ||
            (r = add_id_start(entry, CE_JOURNAL_ID_START, event->id)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_NAME, event->name)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_IMAGE, event->image)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_ENGINE, event->engine)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_EXEC_ID, event->exec_id)) < 0 ||
            (r = add_id_start(entry, CE_JOURNAL_EXEC_ID_START, event->exec_id)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_POD_ID, event->pod_id)) < 0 ||
            (r = add_string(entry, CE_JOURNAL_NETWORK, event->network)) < 0 ||
            (r = add_numbers(entry, event)) < 0 || (r = add_labels(entry, event)) < 0)
                return r;
        return journal_id_is_plain(event->id) ? 0 : add(entry, CE_JOURNAL_ODD "=id");
}

int journal_entry_new(const JournalStamp *stamp, const Event *event, uint64_t seq,
                      const char *position, JournalEntry **ret)
{
        _cleanup_(journal_entry_freep) JournalEntry *entry = NULL;
        _cleanup_free_ char *line = NULL;
        size_t length;
        int r;

        r = record_format(event, seq, position, &line, &length);
        if (r < 0)
                return r;
        entry = calloc(1, sizeof(JournalEntry));
        if (!entry)
                return -ENOMEM;
        entry->seq = seq;
        if ((r = add_event(entry, event_fields(event))) < 0 || (r = add_stamp(entry, stamp)) < 0 ||
            (r = add_record(entry, line, length)) < 0)
                return r;
        if (position) {
                r = add(entry, CE_JOURNAL_SOURCE "=%.*s", (int)strcspn(position, " "), position);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(entry);
        return 0;
}

/* ---- marks ---- */

int journal_entry_new_mark(const JournalStamp *stamp, uint64_t next_seq,
                           struct json_object *positions, bool end, JournalEntry **ret)
{
        const RecordHeader header = { .format = RECORD_FORMAT,
                                      .epoch = stamp->epoch,
                                      .first_seq = next_seq,
                                      .positions = positions };
        _cleanup_(journal_entry_freep) JournalEntry *entry = NULL;
        _cleanup_free_ char *line = NULL;
        size_t length;
        int r;

        r = record_format_header(&header, &line, &length);
        if (r < 0)
                return r;
        entry = calloc(1, sizeof(JournalEntry));
        if (!entry)
                return -ENOMEM;
        entry->mark = true;
        entry->seq = next_seq;
        if ((r = add(entry, "MESSAGE=The history of container events %s before number %" PRIu64 ".",
                     end ? "is closed" : "goes on", next_seq)) < 0 ||
            (r = add(entry, "MESSAGE_ID=" CE_MESSAGE_MARK)) < 0 ||
            (r = add(entry, "PRIORITY=%d", LOG_INFO)) < 0 ||
            (r = add(entry, CE_JOURNAL_MARK "=%s", end ? "end" : "go")) < 0 ||
            (r = add_stamp(entry, stamp)) < 0 || (r = add_record(entry, line, length)) < 0)
                return r;

        *ret = TAKE_PTR(entry);
        return 0;
}
