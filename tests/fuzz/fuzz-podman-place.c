/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "sources/podman-place.h"

/* A place on the first line, and the file that it is looked for in behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *newline = memchr(data, '\n', size);
        size_t length = newline ? (size_t)(newline - data) : size;
        _cleanup_free_ char *text = fuzz_string(data, length);
        char formatted[PODMAN_PLACE_SIZE], once_more[PODMAN_PLACE_SIZE];
        PodmanPlace place, again;
        uint64_t passed;
        int fd, r;

        if (podman_place_parse(text, &place) < 0)
                return 0;
        podman_place_format(&place, formatted);
        fuzz_assert(podman_place_parse(formatted, &again) == 0);
        podman_place_format(&again, once_more);
        fuzz_assert(strcmp(formatted, once_more) == 0);

        fd = newline ? fuzz_file(newline + 1, size - length - 1) : fuzz_file(data, 0);
        (void)podman_place_holds(fd, &place);
        r = podman_place_find(fd, &place, &passed);
        if (r >= 0 && place.line > 0)
                fuzz_assert(place.offset <= size && podman_place_holds(fd, &place) == 1);
        return 0;
}
