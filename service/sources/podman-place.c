/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-id128.h>

#include "base/cleanup.h"
#include "base/line-reader.h"
#include "base/number.h"
#include "sources/podman-line.h"

void podman_place_format(const PodmanPlace *place, char text[static PODMAN_PLACE_SIZE])
{
        snprintf(text, PODMAN_PLACE_SIZE,
                 "%08" PRIx32 " %08" PRIx32 " %" PRIu64 " %" PRIu64 " %016" PRIx64 " %" PRIu64
                 " %" PRIu64 " %" PRIu64,
                 place->path, place->boot, place->inode, place->offset, place->line, place->run,
                 place->backlog_end, place->time_nsec);
}

static int parse_hex32(const char *word, uint32_t *ret)
{
        char padded[17];
        uint64_t value;

        if (strlen(word) != 8)
                return -EINVAL;
        snprintf(padded, sizeof(padded), "00000000%s", word);
        if (parse_hex64(padded, &value) < 0)
                return -EINVAL;

        *ret = (uint32_t)value;
        return 0;
}

int podman_place_parse(const char *text, PodmanPlace *ret)
{
        char copy[PODMAN_PLACE_SIZE], *rest = copy, *words[8];
        PodmanPlace place = {};

        if (strlen(text) >= sizeof(copy))
                return -EINVAL;
        memcpy(copy, text, strlen(text) + 1);
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                words[i] = strsep(&rest, " ");
                if (!words[i])
                        return -EINVAL;
        }

        if (rest || parse_hex32(words[0], &place.path) < 0 ||
            parse_hex32(words[1], &place.boot) < 0 || parse_u64(words[2], &place.inode) < 0 ||
            parse_u64(words[3], &place.offset) < 0 || parse_hex64(words[4], &place.line) < 0 ||
            parse_u64(words[5], &place.run) < 0 || parse_u64(words[6], &place.backlog_end) < 0 ||
            parse_u64(words[7], &place.time_nsec) < 0)
                return -EINVAL;

        *ret = place;
        return 0;
}

/* FNV-1a: it tells lines apart; nobody who can choose a whole line needs to fool us. */
uint64_t podman_hash(const char *bytes, size_t length)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < length; i++) {
                hash ^= (unsigned char)bytes[i];
                hash *= UINT64_C(0x100000001b3);
        }

        return hash > 0 ? hash : 1;
}

/* 0 if it cannot be told: all boots are then the same one, and a loss is rather said than not. */
static uint32_t boot_hash(void)
{
        sd_id128_t boot;

        if (sd_id128_get_boot(&boot) < 0)
                return 0;
        return (uint32_t)podman_hash((const char *)boot.bytes, sizeof(boot.bytes));
}

static uint32_t path_hash(const char *path)
{
        return (uint32_t)podman_hash(path, strlen(path));
}

int podman_place_first(int fd, const char *path, PodmanPlace *ret)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;

        *ret = (PodmanPlace){
                .path = path_hash(path),
                .boot = boot_hash(),
                .inode = st.st_ino,
                .backlog_end = (uint64_t)st.st_size,
        };
        return 0;
}

bool podman_place_is_in(const PodmanPlace *place, const char *path)
{
        return place->path == path_hash(path);
}

void podman_place_advance(PodmanPlace *place, uint64_t offset, const char *line, size_t length)
{
        uint64_t hash = podman_hash(line, length);

        place->run = hash == place->line && !place->interrupted ? place->run + 1 : 1;
        place->interrupted = false;
        place->line = hash;
        place->offset = offset;
        place->line_length = length + 1;
}

void podman_place_interrupt(PodmanPlace *place)
{
        place->interrupted = true;
}

int podman_place_holds(int fd, const PodmanPlace *place)
{
        size_t length = place->line_length > 0 ? place->line_length : PODMAN_LINE_MAX;
        _cleanup_free_ char *tail = NULL;
        const char *start;
        ssize_t n;

        if (place->line == 0 || place->offset == 0)
                return place->line == 0 && place->offset == 0;

        if (length > place->offset)
                length = (size_t)place->offset;
        tail = malloc(length);
        if (!tail)
                return -ENOMEM;
        n = pread(fd, tail, length, (off_t)(place->offset - length));
        if (n < 0)
                return -errno;
        if ((size_t)n != length || tail[length - 1] != '\n')
                return 0;

        start = memrchr(tail, '\n', length - 1);
        start = start ? start + 1 : tail;
        return podman_hash(start, (size_t)(tail + length - 1 - start)) == place->line;
}

/*
 * Looks for the line. Among equal ones it is the one with as many equal lines before it; if the
 * rotation cut into such a run, which then starts the file, all that is left of it was taken.
 */
static int search(LineReader *reader, const PodmanPlace *place, uint64_t *ret_offset,
                  uint64_t *ret_passed)
{
        PodmanPlace here = {};
        uint64_t n = 0, cut_offset = 0, cut_passed = 0;
        bool in_first_run = true;

        for (;;) {
                const char *line;
                size_t length;
                int r;

                r = line_reader_next(reader, UINT64_MAX, &line, &length);
                if (r < 0)
                        return r;
                if (r == LINE_NONE)
                        break;
                if (r == LINE_TOO_LONG) {
                        here = (PodmanPlace){};
                        in_first_run = false;
                        continue;
                }
                if (podman_line_is_rotation(line, length))
                        continue;

                podman_place_advance(&here, reader->offset, line, length);
                if (++n > 1 && here.run == 1)
                        in_first_run = false;
                if (here.line != place->line)
                        continue;
                if (here.run == place->run) {
                        *ret_offset = here.offset;
                        *ret_passed = n;
                        return 0;
                }
                if (in_first_run && here.run < place->run) {
                        cut_offset = here.offset;
                        cut_passed = n;
                }
        }
        if (cut_offset == 0)
                return -ENOENT;

        *ret_offset = cut_offset;
        *ret_passed = cut_passed;
        return 0;
}

int podman_place_find(int fd, PodmanPlace *place, uint64_t *ret_passed)
{
        uint64_t offset, passed;
        LineReader reader;
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (place->inode == st.st_ino) {
                r = podman_place_holds(fd, place);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret_passed = 0;
                        return 1;
                }
        }
        if (place->line == 0)
                return -ENOENT;

        r = line_reader_init(&reader, fd, 0, PODMAN_LINE_MAX);
        if (r < 0)
                return r;
        r = search(&reader, place, &offset, &passed);
        line_reader_done(&reader);
        if (r < 0)
                return r;

        /* What is kept is kept in one piece. */
        place->backlog_end = place->backlog_end > place->offset
                                     ? place->backlog_end - place->offset + offset
                                     : 0;
        place->inode = st.st_ino;
        place->offset = offset;
        *ret_passed = passed;
        return 0;
}
