/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "fuzz.h"
#include "model/cursor.h"

/* A cursor that is read comes back as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_string(data, size);
        char formatted[CURSOR_SIZE];
        Cursor cursor, again;

        if (cursor_parse(text, &cursor) < 0)
                return 0;
        cursor_format(&cursor, formatted);
        fuzz_assert(cursor_parse(formatted, &again) == 0 && again.seq == cursor.seq &&
                    sd_id128_equal(again.epoch, cursor.epoch));
        return 0;
}
