/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "fuzz.h"
#include "model/timestamp.h"

/* A time that is read comes back as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_string(data, size);
        char formatted[TIMESTAMP_SIZE];
        uint64_t nsec, again;

        if (timestamp_parse(text, &nsec) < 0)
                return 0;
        timestamp_format(nsec, formatted);
        fuzz_assert(timestamp_parse(formatted, &again) == 0 && again == nsec);
        return 0;
}
