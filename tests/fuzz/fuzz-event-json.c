/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "model/event-json.h"

/* An event in either form becomes a record that is not too long, and comes back as it was. */
static void read_and_write(const char *text, size_t length, EventJsonForm form)
{
        _cleanup_json_ struct json_object *root = NULL, *parsed = NULL;
        _cleanup_(buffer_done) Buffer buffer = {};
        _cleanup_(event_unrefp) Event *event = NULL, *again = NULL;
        EventFields fields;
        const char *oracle;

        if (event_json_tokenize(text, length, &root) < 0 ||
            event_json_read(root, form, &fields) < 0)
                return;
        fuzz_assert(event_new(&fields, &event) == 0);
        fuzz_assert(event_json_put(&buffer, event_fields(event), 1) == 0);
        fuzz_assert(buffer.size <= EVENT_SIZE_MAX && !memchr(buffer.data, '\n', buffer.size));

        fuzz_assert(event_json_tokenize(buffer.data, buffer.size, &parsed) == 0);
        oracle = event_json_text(parsed, &length);
        fuzz_assert(length == buffer.size && memcmp(oracle, buffer.data, length) == 0);
        fuzz_assert(event_json_read(parsed, EVENT_JSON_RECORD, &fields) == 0);
        fuzz_assert(event_new(&fields, &again) == 0);
        fuzz_assert(strcmp(event_fields(again)->name, event_fields(event)->name) == 0 &&
                    strcmp(event_fields(again)->status, event_fields(event)->status) == 0 &&
                    event_fields(again)->time_nsec == event_fields(event)->time_nsec &&
                    event_fields(again)->exit_code == event_fields(event)->exit_code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_string(data, size);

        read_and_write(text, size, EVENT_JSON_PODMAN);
        read_and_write(text, size, EVENT_JSON_RECORD);
        event_json_replace_nul(text, size);
        fuzz_assert(!memmem(text, size, "\"\\u0000", 7));
        return 0;
}
