/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "log/record.h"
#include "sources/podman-entry.h"

/* Each line is a field, but that "\r" in it stands for a line break. */
static int read_fields(PodmanEntry *entry, char *text, size_t size)
{
        size_t n;
        int r = 0;

        podman_entry_begin(entry);
        for (size_t at = 0; r >= 0 && at < size; at += n + 1) {
                const char *end = memchr(text + at, '\n', size - at);

                n = end ? (size_t)(end - text) - at : size - at;
                for (size_t i = at; i < at + n; i++)
                        if (text[i] == '\r')
                                text[i] = '\n';
                r = podman_entry_put(entry, text + at, n);
        }
        return r < 0 ? r : podman_entry_read(entry);
}

static void check_event(const PodmanEntry *entry)
{
        _cleanup_(event_unrefp) Event *event = NULL, *again = NULL;
        _cleanup_free_ char *line = NULL;
        size_t length;

        fuzz_assert(entry->fields.has_uid);
        fuzz_assert(strlen(entry->session) == 0 || strlen(entry->session) == PODMAN_ID_SIZE - 1);
        fuzz_assert(event_new(&entry->fields, &event) == 0);
        fuzz_assert(utf8_is_valid(event_fields(event)->name));
        fuzz_assert(record_format(event, 1, "podman-journal 1", &line, &length) == 0);
        fuzz_assert(record_is_intact(line, length - 1));
        fuzz_assert(record_event(line, length - 1, &again) == 0);
        fuzz_assert(event_fields(again)->uid == entry->fields.uid);
}

/* Whatever anybody logs, an event that is made of it becomes a record. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_string(data, size);
        static PodmanEntry entry;
        int r;

        r = read_fields(&entry, text, size);
        fuzz_assert(r == 0 || r == 1 || (r == -EBADMSG && entry.problem));
        if (r > 0)
                check_event(&entry);
        return 0;
}
