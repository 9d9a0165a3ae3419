/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mapping.h"
#include "scratch.h"
#include "tap.h"

int main(void)
{
        const size_t size = (size_t)sysconf(_SC_PAGESIZE);
        _cleanup_free_ char *content = calloc(2, size);
        _cleanup_close_ int fd = -1;
        const volatile char *map;

        must(content);
        memset(content, 'x', 2 * size);
        fd = file_of(content, 2 * size);
        map = mmap(NULL, 2 * size, PROT_READ, MAP_SHARED, fd, 0);
        must(map != MAP_FAILED);
        mapping_guard();
        tap_ok(map[size] == 'x', "what is there is read");
        must(ftruncate(fd, (off_t)size) == 0);
        tap_ok(map[size] == '\0' && map[2 * size - 1] == '\0', "what was cut off is empty");
        tap_ok(map[0] == 'x', "and the rest as it was");
        return tap_done();
}
