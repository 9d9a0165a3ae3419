/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "log/record.h"
#include "sources/podman-entry.h"

/* Each line is a field, but that "\r" in it stands for a line break. Whatever anybody logs, an
 * event that is made of it becomes a record. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(event_unrefp) Event *event = NULL, *again = NULL;
        static PodmanEntry entry;
        _cleanup_free_ char *text = fuzz_string(data, size);
        _cleanup_free_ char *line = NULL;
        size_t length, n;
        int r = 0;

        for (char *p = text; p < text + size; p++)
                if (*p == '\r')
                        *p = '\n';
        podman_entry_begin(&entry);
        for (size_t at = 0; r >= 0 && at < size; at += n + 1) {
                const uint8_t *end = memchr(data + at, '\n', size - at);

                n = end ? (size_t)(end - data) - at : size - at;
                r = podman_entry_put(&entry, text + at, n);
        }
        if (r >= 0)
                r = podman_entry_read(&entry);
        fuzz_assert(r == 0 || r == 1 || (r == -EBADMSG && entry.problem));
        if (r <= 0)
                return 0;

        fuzz_assert(entry.fields.has_uid);
        fuzz_assert(strlen(entry.session) == 0 || strlen(entry.session) == PODMAN_ID_SIZE - 1);
        fuzz_assert(event_new(&entry.fields, &event) == 0);
        fuzz_assert(utf8_is_valid(event_fields(event)->name));
        fuzz_assert(record_format(event, 1, "podman-journal 1", &line, &length) == 0);
        fuzz_assert(record_is_intact(line, length - 1));
        fuzz_assert(record_event(line, length - 1, &again) == 0);
        fuzz_assert(event_fields(again)->uid == entry.fields.uid);
        return 0;
}
