/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "fuzz.h"
#include "sources/podman-journal-place.h"

/* A place comes back as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_string(data, size);
        char formatted[PODMAN_JOURNAL_PLACE_SIZE], once_more[PODMAN_JOURNAL_PLACE_SIZE];
        PodmanJournalPlace place, again;

        if (podman_journal_place_parse(text, &place) < 0)
                return 0;
        podman_journal_place_format(&place, formatted);
        fuzz_assert(podman_journal_place_parse(formatted, &again) == 0);
        podman_journal_place_format(&again, once_more);
        fuzz_assert(strcmp(formatted, once_more) == 0);
        return 0;
}
