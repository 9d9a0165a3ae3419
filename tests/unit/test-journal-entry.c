/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <syslog.h>

#include <json-c/json.h>

#include "log/journal-entry.h"
#include "log/journal-message.h"
#include "sample.h"
#include "tap.h"

#define F               CE_JOURNAL_FIELD
#define _cleanup_entry_ _cleanup_(journal_entry_freep)

static const JournalStamp stamp = { .history = "/a/history",
                                    .epoch = SD_ID128_MAKE(00, 01, 02, 03, 04, 05, 06, 07, 08, 09,
                                                           0a, 0b, 0c, 0d, 0e, 0f) };

/* How often the entry has the field, with this value if one is given. */
static unsigned count(const JournalEntry *entry, const char *name, const char *value)
{
        unsigned n = 0;

        for (size_t i = 0; i < entry->n_fields; i++) {
                const char *text = entry->fields[i].iov_base;
                size_t length = entry->fields[i].iov_len, name_length = strlen(name);

                n += length > name_length && memcmp(text, name, name_length) == 0 &&
                     text[name_length] == '=' &&
                     (!value || (length == name_length + 1 + strlen(value) &&
                                 memcmp(text + name_length + 1, value, strlen(value)) == 0));
        }
        return n;
}

static void test_every_field(void)
{
        const EventAttribute labels[] = { { "a", "1" }, { "b", "x=y" } };
        const EventFields fields = {
                .type = "container",
                .status = "exec_die",
                .id = SAMPLE_ID,
                .name = "web",
                .image = "localhost/bb",
                .engine = "docker",
                .time_nsec = SAMPLE_TIME,
                .exec_id = "0123456789abcdef",
                .pod_id = "p",
                .network = "n",
                .exit_code = -1,
                .has_exit_code = true,
                .uid = 1000,
                .has_uid = true,
                .attributes = labels,
                .n_attributes = 2,
        };
        static const struct {
                const char *name, *value;
        } want[] = {
                { "MESSAGE", "Container web: an exec session ended with exit code -1." },
                { "MESSAGE_ID", "a0de15be25df40bda57ee24830be910a" },
                { "PRIORITY", "5" },
                { "SYSLOG_IDENTIFIER", "containers-eventsd" },
                { F "HISTORY", "/a/history" },
                { F "EPOCH", "000102030405060708090a0b0c0d0e0f" },
                { F "SEQ", "77" },
                { F "TYPE", "container" },
                { F "STATUS", "exec_died" },
                { F "ID", SAMPLE_ID },
                { F "ID_START", "fde8d54f84b3" },
                { F "NAME", "web" },
                { F "IMAGE", "localhost/bb" },
                { F "ENGINE", "docker" },
                { F "EXEC_ID", "0123456789abcdef" },
                { F "EXEC_ID_START", "0123456789ab" },
                { F "POD_ID", "p" },
                { F "NETWORK", "n" },
                { F "EXIT_CODE", "-1" },
                { F "UID", "1000" },
                { F "TIME_NSEC", "1795302833860408609" },
                { F "HOUR", "498695" },
                { F "LABEL", "a=1" },
                { F "LABEL", "b=x=y" },
                { F "SOURCE", "podman" },
        };
        _cleanup_event_ Event *event = event_of(&fields), *read = NULL;
        _cleanup_entry_ JournalEntry *entry = NULL;
        size_t size = 0;

        must(journal_entry_new(&stamp, event, 77, "podman 12 34", &entry) == 0);
        for (size_t i = 0; i < ELEMENTSOF(want); i++)
                tap_eq_u64(count(entry, want[i].name, want[i].value), 1, "%s=%s", want[i].name,
                           want[i].value);
        tap_eq_u64(entry->n_fields, ELEMENTSOF(want) + 1, "these, and the record");
        tap_eq_u64(count(entry, F "ODD", NULL), 0, "nothing is odd");
        tap_ok(!entry->mark && entry->seq == 77, "an event");

        tap_ok(record_is_intact(entry->record, entry->record_length), "the record is one");
        must(record_event(entry->record, entry->record_length, &read) == 0);
        tap_ok(event_fields(read)->seq == 77 && strcmp(event_fields(read)->status, "exec_die") == 0,
               "of this event, in its own words");
        for (size_t i = 0; i < entry->n_fields; i++)
                size += entry->fields[i].iov_len;
        tap_eq_u64(entry->size, size, "its size is that of all");
}

static void test_what_does_not_apply(void)
{
        const EventFields fields = { .type = "system", .status = "refresh", .time_nsec = 1 };
        _cleanup_event_ Event *event = event_of(&fields);
        _cleanup_entry_ JournalEntry *entry = NULL;

        must(journal_entry_new(&stamp, event, 1, NULL, &entry) == 0);
        tap_eq_u64(count(entry, F "ID", NULL) + count(entry, F "ID_START", NULL) +
                           count(entry, F "NAME", NULL) + count(entry, F "EXIT_CODE", NULL) +
                           count(entry, F "UID", NULL) + count(entry, F "SOURCE", NULL) +
                           count(entry, F "LABEL", NULL),
                   0, "has no field");
        tap_eq_u64(count(entry, F "ODD", "id"), 1, "and no ID like others");
}

static void test_odd_ids(void)
{
        static const struct {
                const char *id;
                bool plain;
        } rows[] = {
                { SAMPLE_ID, true }, { "0123456789ab", true },  { "0123456789a", false },
                { "", false },       { "0123456789aB", false }, { SAMPLE_ID "x", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tap_ok(journal_id_is_plain(rows[i].id) == rows[i].plain, "\"%s\"", rows[i].id);
}

static void test_many_labels(void)
{
        EventAttribute labels[JOURNAL_LABELS_MAX + 1];
        char keys[JOURNAL_LABELS_MAX + 1][8];
        EventFields fields = { .type = "container", .status = "start", .attributes = labels };

        for (size_t i = 0; i < ELEMENTSOF(labels); i++) {
                snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
                labels[i] = (EventAttribute){ keys[i], "v" };
        }
        for (size_t n = JOURNAL_LABELS_MAX; n <= JOURNAL_LABELS_MAX + 1; n++) {
                _cleanup_entry_ JournalEntry *entry = NULL;
                _cleanup_event_ Event *event = NULL;

                fields.n_attributes = n;
                event = event_of(&fields);
                must(journal_entry_new(&stamp, event, 1, NULL, &entry) == 0);
                tap_eq_u64(count(entry, F "LABEL", NULL), JOURNAL_LABELS_MAX, "of %zu labels", n);
                tap_eq_u64(count(entry, F "ODD", "labels"), n > JOURNAL_LABELS_MAX,
                           "and whether that is all");
        }
}

static void test_a_mark(void)
{
        _cleanup_json_ struct json_object *positions = json_of("{\"podman\":\"1 2\"}");
        _cleanup_entry_ JournalEntry *mark = NULL, *end = NULL;
        RecordHeader header;

        must(journal_entry_new_mark(&stamp, 9, positions, false, &mark) == 0);
        must(journal_entry_new_mark(&stamp, 9, positions, true, &end) == 0);
        tap_ok(mark->mark && mark->seq == 9, "a mark");
        tap_eq_u64(count(mark, "MESSAGE_ID", "bbecc90d2ab94602ac4e5e02e35786d5"), 1, "its ID");
        tap_eq_u64(count(mark, F "MARK", "go") + count(end, F "MARK", "end"), 2, "its kind");
        must(record_parse_header(mark->record, mark->record_length, &header) == 0);
        tap_eq_u64(header.first_seq, 9, "the next number");
        tap_ok(sd_id128_equal(header.epoch, stamp.epoch), "the epoch");
        tap_ok(json_object_equal(header.positions, positions), "the positions");
        record_header_done(&header);
}

static void test_sentences(void)
{
        static const struct {
                EventFields event;
                int priority;
                const char *want;
        } rows[] = {
                { { .type = "container",
                    .status = "died",
                    .name = "web",
                    .exit_code = 1,
                    .has_exit_code = true },
                  LOG_NOTICE,
                  "Container web died with exit code 1." },
                { { .type = "container", .status = "die", .name = "web", .has_exit_code = true },
                  LOG_INFO,
                  "Container web died with exit code 0." },
                { { .type = "pod", .status = "create", .id = SAMPLE_ID },
                  LOG_INFO,
                  "Pod fde8d54f84b3 was created." },
                { { .type = "container", .status = "destroy", .name = "web" },
                  LOG_INFO,
                  "Container web was removed." },
                { { .type = "container", .status = "died", .name = "web", .oom_killed = true },
                  LOG_WARNING,
                  "Container web died, out of memory." },
                { { .type = "container",
                    .status = "health_status",
                    .name = "web",
                    .health_status = "unhealthy" },
                  LOG_NOTICE,
                  "Container web is unhealthy." },
                { { .type = "image", .status = "pull", .name = "bb", .error = "no network" },
                  LOG_NOTICE,
                  "Image bb was pulled: no network." },
                { { .type = "container", .status = "exec", .name = "web" },
                  LOG_INFO,
                  "Container web runs an exec session." },
                { { .type = "system", .status = "refresh" }, LOG_INFO, "System: refresh." },
                { { .type = "system",
                    .status = "lost",
                    .engine = "podman",
                    .reason = "two rotations" },
                  LOG_WARNING,
                  "Events of podman were lost: two rotations." },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_event_ Event *event = event_of(&rows[i].event);
                char text[JOURNAL_MESSAGE_SIZE];

                journal_message(event_fields(event), text);
                tap_eq_str(text, rows[i].want, "sentence %zu", i);
                tap_eq_u64((uint64_t)journal_priority(event_fields(event)),
                           (uint64_t)rows[i].priority, "its priority");
        }
}

int main(void)
{
        test_every_field();
        test_what_does_not_apply();
        test_odd_ids();
        test_many_labels();
        test_a_mark();
        test_sentences();
        return tap_done();
}
