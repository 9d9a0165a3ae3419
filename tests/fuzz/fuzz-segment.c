/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "log/segment.h"

/* Lines that begin with "~" get the checksum that they need, or nothing would be intact. */
static int seal(const uint8_t *data, size_t size, size_t *ret_size)
{
        _cleanup_free_ char *bytes = malloc(size * 24 + 1);
        size_t n = 0;

        fuzz_assert(bytes);
        for (size_t i = 0; i < size;) {
                const uint8_t *line = data + i, *end = memchr(line, '\n', size - i);
                size_t length = end ? (size_t)(end - line) : size - i;

                i += length + 1;
                if (length > 0 && *line == '~' && end) {
                        memcpy(bytes + n, line + 1, length - 1);
                        n += length - 1;
                        n += (size_t)sprintf(bytes + n, ",\"CRC\":\"%08lx\"}",
                                             crc32(0, line + 1, (unsigned)length - 1));
                } else {
                        memcpy(bytes + n, line, length);
                        n += length;
                }
                if (end)
                        bytes[n++] = '\n';
        }
        *ret_size = n;
        return fuzz_file((const uint8_t *)bytes, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ struct json_object *positions = NULL;
        RecordHeader header = {};
        SegmentScan scan = {};
        size_t length;
        int fd;

        fd = seal(data, size, &length);
        fuzz_assert(segment_scan(fd, &scan, &positions, NULL) == 0);
        fuzz_assert(positions && scan.good_size + scan.tail_size == length);
        fuzz_assert((scan.first_seq == 0) == (scan.last_seq == 0));
        fuzz_assert(scan.first_seq <= scan.last_seq);
        fuzz_assert(scan.n_damaged == 0 || scan.damaged_offset < scan.good_size);
        fuzz_assert((segment_read_header(fd, &header) == 0) == scan.has_header);
        record_header_done(&header);
        segment_scan_done(&scan);
        return 0;
}
