/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-place.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-id128.h>

#include "base/cleanup.h"
#include "base/digits.h"
#include "base/line-reader.h"
#include "base/number.h"
#include "sources/podman-line.h"

/* ---- text ---- */

#define PATH_DIGITS  (PODMAN_PLACE_HASH_BITS / DIGIT_BITS)
#define LINE_DIGITS  (PODMAN_PLACE_LINE_BITS / DIGIT_BITS)
#define INODE_DIGITS (PODMAN_PLACE_INODE_BITS / DIGIT_BITS)
#define FIXED_DIGITS (2 * PATH_DIGITS + INODE_DIGITS + LINE_DIGITS)

static uint64_t low_bits(uint64_t number, unsigned n)
{
        return number & ((UINT64_C(1) << n) - 1);
}

void podman_place_format(const PodmanPlace *place, char text[static PODMAN_PLACE_SIZE])
{
        char *p = text;

        p = digits_put_fixed(p, place->path, PATH_DIGITS);
        p = digits_put_fixed(p, place->boot, PATH_DIGITS);
        p = digits_put_fixed(p, place->inode, INODE_DIGITS);
        p = digits_put_fixed(p, place->line, LINE_DIGITS);
        p = digits_put(p, place->offset);
        if (place->run != 1) {
                p = stpcpy(p, " *");
                p = digits_put(p, place->run);
        }
        if (place->backlog_end > 0) {
                p = stpcpy(p, " <");
                p = digits_put(p, place->backlog_end);
        }
        snprintf(p, (size_t)(text + PODMAN_PLACE_SIZE - p), " %" PRIu64, place->time_nsec);
}

/* The number in a word, which moves on if it starts with the mark, and else stays. */
static int parse_marked(char **word, char **rest, char mark, uint64_t *ret)
{
        int r;

        if (!*word || **word != mark)
                return 0;
        r = digits_parse(*word + 1, strlen(*word + 1), true, ret);
        *word = strsep(rest, " ");
        return r;
}

static int parse_fixed(const char *word, PodmanPlace *place)
{
        uint64_t path, boot;
        size_t length = strlen(word);

        if (length <= FIXED_DIGITS || digits_parse(word, PATH_DIGITS, false, &path) < 0 ||
            digits_parse(word + PATH_DIGITS, PATH_DIGITS, false, &boot) < 0 ||
            digits_parse(word + 2 * PATH_DIGITS, INODE_DIGITS, false, &place->inode) < 0 ||
            digits_parse(word + 2 * PATH_DIGITS + INODE_DIGITS, LINE_DIGITS, false, &place->line) <
                    0 ||
            digits_parse(word + FIXED_DIGITS, length - FIXED_DIGITS, true, &place->offset) < 0)
                return -EINVAL;

        place->path = (uint32_t)path;
        place->boot = (uint32_t)boot;
        return 0;
}

int podman_place_parse(const char *text, PodmanPlace *ret)
{
        char copy[PODMAN_PLACE_SIZE], *rest = copy, *word;
        PodmanPlace place = { .run = 1 };

        if (strlen(text) >= sizeof(copy))
                return -EINVAL;
        memcpy(copy, text, strlen(text) + 1);
        if (parse_fixed(strsep(&rest, " "), &place) < 0)
                return -EINVAL;
        word = strsep(&rest, " ");
        if (parse_marked(&word, &rest, '*', &place.run) < 0 ||
            parse_marked(&word, &rest, '<', &place.backlog_end) < 0 || !word || rest ||
            parse_u64(word, &place.time_nsec) < 0)
                return -EINVAL;

        *ret = place;
        return 0;
}

/* ---- hashes ---- */

static uint64_t mix(uint64_t hash)
{
        hash ^= hash >> 32;
        hash *= UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
        return hash;
}

/* It tells lines apart; nobody who can choose a whole line needs to fool us. Eight bytes a step,
 * for every line goes through it. */
uint64_t podman_hash(const char *bytes, size_t length)
{
        uint64_t hash = length + 1;

        for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
                uint64_t word = 0;

                memcpy(&word, bytes + i, length - i < sizeof(word) ? length - i : sizeof(word));
                hash = mix(hash ^ le64toh(word));
        }

        hash = low_bits(mix(hash), PODMAN_PLACE_LINE_BITS);
        return hash > 0 ? hash : 1;
}

static uint32_t short_hash(const char *bytes, size_t length)
{
        return (uint32_t)low_bits(podman_hash(bytes, length), PODMAN_PLACE_HASH_BITS);
}

/* 0 if it cannot be told: all boots are then the same one, and a loss is rather said than not. */
static uint32_t boot_hash(void)
{
        sd_id128_t boot;

        if (sd_id128_get_boot(&boot) < 0)
                return 0;
        return short_hash((const char *)boot.bytes, sizeof(boot.bytes));
}

static uint32_t path_hash(const char *path)
{
        return short_hash(path, strlen(path));
}

static bool is_inode(const PodmanPlace *place, const struct stat *st)
{
        return low_bits(place->inode ^ st->st_ino, PODMAN_PLACE_INODE_BITS) == 0;
}

/* ---- places ---- */

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
        if (is_inode(place, &st)) {
                r = podman_place_holds(fd, place);
                if (r < 0)
                        return r;
                if (r > 0) {
                        place->inode = st.st_ino;
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
