/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "model/filter.h"

/* A term on each line. What is refused is told in a whole sentence of valid text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_string(data, size);
        const EventFields event = { .type = "container",
                                    .status = "died",
                                    .id = "a1",
                                    .name = "n",
                                    .image = "i",
                                    .engine = "e",
                                    .has_uid = true };
        char message[FILTER_MESSAGE_SIZE] = "", *rest = text, *line;
        const char *terms[FILTER_TERMS_MAX + 3] = {};
        Filter *filter = NULL;
        bool valid = utf8_is_valid(text);
        int r;

        for (size_t i = 0; i < FILTER_TERMS_MAX + 2 && (line = strsep(&rest, "\n")); i++)
                terms[i] = line;
        r = filter_new(terms, &filter, message);
        fuzz_assert(r == 0 || r == -EINVAL);
        if (r == 0)
                (void)filter_matches(filter, &event);
        else
                fuzz_assert(*message);
        if (r < 0 && valid)
                fuzz_assert(utf8_is_valid(message));
        filter_free(filter);
        return 0;
}
