/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "model/event-scanner.h"

/* What the scanner reads json-c reads too, and alike. */
static void read_both_ways(EventScanner *scanner, const char *text, size_t length,
                           EventJsonForm form)
{
        _cleanup_(buffer_done) Buffer scanned = {}, parsed = {};
        _cleanup_json_ struct json_object *root = NULL;
        EventFields by_tree;
        const EventFields *fields;
        int r;

        r = event_scanner_read(scanner, text, length, form, &fields);
        fuzz_assert(r >= 0);
        if (r == 0)
                return;

        fuzz_assert(event_json_tokenize(text, length, &root) == 0);
        fuzz_assert(event_json_read(root, form, &by_tree) == 0);
        fuzz_assert(event_json_put(&scanned, fields, fields->seq) == 0);
        fuzz_assert(event_json_put(&parsed, &by_tree, by_tree.seq) == 0);
        fuzz_assert(scanned.size == parsed.size &&
                    memcmp(scanned.data, parsed.data, parsed.size) == 0);
        fuzz_assert(utf8_is_valid(fields->status));
        for (size_t i = 0; i < fields->n_attributes; i++)
                fuzz_assert(utf8_is_valid(fields->attributes[i].key) &&
                            utf8_is_valid(fields->attributes[i].value));
}

/* One scanner for all inputs, as the service has one for all lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static EventScanner scanner;

        read_both_ways(&scanner, (const char *)data, size, EVENT_JSON_PODMAN);
        read_both_ways(&scanner, (const char *)data, size, EVENT_JSON_RECORD);
        return 0;
}
