/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/line-reader.h"
#include "podman.h"
#include "sources/podman-place.h"
#include "tap.h"

#define LOG "events.log"

static void test_a_place_comes_back_as_it_was(void)
{
        static const PodmanPlace places[] = {
                { .path = 0 },
                { .path = 1,
                  .boot = 2,
                  .inode = 3,
                  .offset = 4,
                  .line = 5,
                  .run = 6,
                  .backlog_end = 7,
                  .time_nsec = 8 },
                { .path = 1, .boot = 2, .line = 3, .run = 1, .offset = 63, .time_nsec = 1 },
                { .path = 1, .boot = 2, .line = 3, .run = 1, .offset = 64, .backlog_end = 4096 },
                { .path = 0x3ffff,
                  .boot = 0x3ffff,
                  .inode = 0x3ffff,
                  .offset = UINT64_MAX,
                  .line = 0xffffffffffff,
                  .run = UINT64_MAX,
                  .backlog_end = UINT64_MAX,
                  .time_nsec = UINT64_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const PodmanPlace *place = places + i;
                char text[PODMAN_PLACE_SIZE];
                PodmanPlace again;

                podman_place_format(place, text);
                tap_eq_int(podman_place_parse(text, &again), 0, "%s", text);
                tap_ok(again.path == place->path && again.boot == place->boot &&
                               again.inode == place->inode && again.offset == place->offset &&
                               again.line == place->line && again.run == place->run &&
                               again.backlog_end == place->backlog_end &&
                               again.time_nsec == place->time_nsec,
                       "is the same");
                tap_eq_u64(again.line_length, 0, "but for what is not part of it");
        }
}

#define PLACE "AAAAAAAAAAAAAAAAA" /* without an offset */

static void test_what_is_no_place(void)
{
        static const char *const texts[] = {
                "",
                "rubbish",
                PLACE "B",
                PLACE " 1",
                PLACE "AB 1",
                PLACE "B 1 ",
                PLACE "B  1",
                " " PLACE "B 1",
                PLACE "B 1 2",
                PLACE "B x",
                PLACE "B -1",
                PLACE "B 18446744073709551616",
                PLACE "! 1",
                PLACE "QAAAAAAAAAA 1",
                PLACE "BAAAAAAAAAAA 1",
                PLACE "B * 1",
                PLACE "B *! 1",
                PLACE "B *AB 1",
                PLACE "B *C",
                PLACE "B < 1",
                PLACE "B <C *C 1",
                PLACE "B *C *C 1",
                "AA!AAAAAAAAAAAAAAB 1",
                "AAAAA!AAAAAAAAAAAB 1",
                "AAAAAAAA!AAAAAAAAB 1",
                "AAAAAAAAAAAAAAAA!B 1",
                "00000001 00000002 3 4 0000000000000005 6 7 8",
        };
        _cleanup_free_ char *long_text = repeated('1', 100000);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                PodmanPlace place = { .offset = 4711 };

                tap_eq_int(podman_place_parse(texts[i], &place), -EINVAL, "\"%s\"", texts[i]);
                tap_eq_u64(place.offset, 4711, "nothing was touched");
        }
        tap_eq_int(podman_place_parse(PLACE "B *C <D 1", &(PodmanPlace){}), 0, "but this one is");
        tap_eq_int(podman_place_parse(long_text, &(PodmanPlace){}), -EINVAL, "a very long one");
}

static void test_hashes(void)
{
        tap_ok(podman_hash("a", 1) != podman_hash("b", 1), "tell lines apart");
        tap_ok(podman_hash("ab", 2) != podman_hash("ba", 2), "also in another order");
        tap_ok(podman_hash("", 0) != 0, "and are never 0, which means that there is none");
        tap_ok(podman_hash("a", 1) != podman_hash("a\0", 2), "and in another length");
        tap_eq_u64(podman_hash("", 0), UINT64_C(0x79bd8ef1b1de), "a place of another version");
        tap_eq_u64(podman_hash("foobar", 6), UINT64_C(0xd4a4977d356b), "holds the same hash");
        tap_eq_u64(podman_hash("foobar foobar foobar", 20), UINT64_C(0xa77445af5d16),
                   "of many words, too");
}

/* Lines as alike as lines can be have different hashes, in all their bits. */
static void test_hashes_of_similar_lines(void)
{
        char line[] = "{\"Name\":\"c\",\"Time\":\"2026-11-21T23:13:53.000000000Z\"}";
        char *nsec = strchr(line, '.') + 1;
        enum { N = 1 << 16 };
        static uint64_t seen[N];
        uint64_t n_alike = 0, zeros = 0, ones = 0;

        for (unsigned i = 0; i < N; i++) {
                uint64_t hash;

                sprintf(nsec, "%09u", i);
                hash = podman_hash(line, sizeof(line) - 1);
                zeros |= ~hash;
                ones |= hash;
                /* By the low bits, so that few are compared. */
                n_alike += seen[hash % N] == hash;
                seen[hash % N] = hash;
        }
        tap_eq_u64(n_alike, 0, "none of %d is that of another", N);
        tap_ok(ones == (UINT64_C(1) << PODMAN_PLACE_LINE_BITS) - 1 && (zeros & ones) == ones,
               "each bit is 0 or 1");
}

static int open_log(void)
{
        int fd = open(LOG, O_RDONLY | O_CLOEXEC);

        must(fd >= 0);
        return fd;
}

/* Takes lines as the source does. Returns the place behind as many. */
static PodmanPlace take(unsigned n_lines)
{
        _cleanup_close_ int fd = open_log();
        PodmanPlace place = {};
        LineReader reader;
        struct stat st;

        must(fstat(fd, &st) == 0 && line_reader_init(&reader, fd, 0, PODMAN_LINE_MAX) == 0);
        place.inode = st.st_ino;
        while (n_lines-- > 0) {
                const char *line;
                size_t length;

                must(line_reader_next(&reader, UINT64_MAX, &line, &length) == LINE_READ);
                podman_place_advance(&place, reader.offset, line, length);
        }
        line_reader_done(&reader);
        return place;
}

/* As it is after a restart: what is not part of the text is not known. */
static PodmanPlace stored(const PodmanPlace *place)
{
        char text[PODMAN_PLACE_SIZE];
        PodmanPlace again;

        podman_place_format(place, text);
        must(podman_place_parse(text, &again) == 0);
        return again;
}

static void fill(PodmanModel *model, unsigned first, unsigned last)
{
        for (unsigned i = first; i <= last; i++)
                podman_event(model, i, 20 + i * 7 % 50);
}

/* The name in the next line, or "" at the end. */
static const char *next_name(uint64_t offset)
{
        static char name[64];
        _cleanup_free_ char *bytes = file_read(LOG, NULL);
        const char *at = strstr(bytes + offset, "\"Name\":\"");

        return at && sscanf(at, "\"Name\":\"%63[^\"]", name) == 1 ? name : "";
}

static void test_where_a_place_is_found(void)
{
        static const struct {
                const char *label;
                unsigned n_before, n_taken, n_after, n_rotations;
                int result;
                const char *next;
        } rows[] = {
                { "the same file", 10, 5, 0, 0, 1, "e6" },
                { "the same file, at its end", 10, 10, 0, 0, 1, "" },
                { "the same file, which has grown", 10, 10, 3, 0, 1, "e11" },
                { "rotated once", 10, 8, 0, 1, 0, "e9" },
                { "rotated once, all taken", 10, 10, 0, 1, 0, "" },
                { "rotated once, and the place is gone", 10, 4, 0, 1, -ENOENT, NULL },
                { "rotated twice", 40, 39, 0, 2, 0, "e40" },
                { "rotated three times", 80, 79, 0, 3, 0, "e80" },
                { "rotated twice, and the place is gone", 40, 25, 0, 2, -ENOENT, NULL },
                { "rotated away, a line at a time", 3, 3, 0, 4, -ENOENT, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows) * 2; i++) {
                _scratch_ Scratch scratch = scratch_enter();
                PodmanModel model = { .path = LOG, .unmarked = i % 2 };
                _cleanup_close_ int fd = -1;
                uint64_t passed = 4711;
                PodmanPlace place;
                struct stat st;

                fill(&model, 1, rows[i / 2].n_before);
                place = take(rows[i / 2].n_taken);
                place = stored(&place);
                for (unsigned n = 0; n < rows[i / 2].n_rotations; n++)
                        podman_rotate(&model);
                fill(&model, rows[i / 2].n_before + 1, rows[i / 2].n_before + rows[i / 2].n_after);

                fd = open_log();
                tap_eq_int(podman_place_find(fd, &place, &passed), rows[i / 2].result, "%s%s",
                           rows[i / 2].label, model.unmarked ? ", before 4.5" : "");
                if (rows[i / 2].result < 0)
                        continue;
                must(fstat(fd, &st) == 0);
                tap_eq_u64(place.inode, st.st_ino, "it is in the new file");
                if (strcmp(rows[i / 2].next, "") == 0 && !model.unmarked)
                        tap_ok(strcmp(next_name(place.offset), LOG) == 0 ||
                                       strcmp(next_name(place.offset), "") == 0,
                               "nothing but marks is left");
                else
                        tap_eq_str(next_name(place.offset), rows[i / 2].next, "what comes next");
                tap_ok(podman_place_holds(fd, &place) == 1, "and it holds there");
        }
}

static void test_how_many_lines_are_passed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        PodmanPlace place;
        uint64_t passed = 0;

        fill(&model, 1, 10);
        place = take(8);
        podman_rotate(&model);
        _cleanup_close_ int fd = open_log();
        must(podman_place_find(fd, &place, &passed) == 0);
        tap_ok(passed >= 2 && passed <= 4, "the %" PRIu64 " that are kept, without the mark",
               passed);
}

/* The marks of earlier rotations stand in the kept half of a later one. */
static void test_older_marks_in_the_kept_half(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_close_ int fd = -1;
        PodmanPlace place = {};
        uint64_t passed;
        char *bytes, *mark;
        unsigned n_marks = 0;

        fill(&model, 1, 20);
        podman_rotate(&model);
        fill(&model, 21, 24);
        podman_rotate(&model);
        fill(&model, 25, 26);
        bytes = file_read(LOG, NULL);
        for (mark = bytes; (mark = strstr(mark, "log-rotation")); mark++)
                n_marks++;
        free(bytes);
        tap_ok(n_marks >= 3, "%u marks", n_marks);

        for (unsigned n_lines = 1;; n_lines++) {
                _cleanup_free_ char *all = file_read(LOG, NULL);
                unsigned there = 0;

                for (char *p = all; (p = strchr(p, '\n')); p++)
                        there++;
                if (n_lines > there)
                        break;
                place = take(n_lines);
        }
        podman_rotate(&model);
        fd = open_log();
        tap_eq_int(podman_place_find(fd, &place, &passed), 0, "the last line is found");
        tap_eq_u64(place.run, 1, "among different ones");
        tap_ok(strcmp(next_name(place.offset), LOG) == 0, "only marks are behind it");
}

/* ---- lines that are alike ---- */

static void test_equal_lines(void)
{
        static const struct {
                const char *label;
                const char *before; /* letters, each a line; "-" is a rotation record */
                unsigned n_taken;
                const char *after; /* the file that replaces it */
                int result;
                uint64_t next; /* lines before it in that file */
        } rows[] = {
                { "different lines", "ABCDEF", 4, "CDEF", 0, 2 },
                { "the first of two", "ABBC", 2, "ABBC", 0, 2 },
                { "the second of two", "ABBC", 3, "ABBC", 0, 3 },
                { "the last of three", "ABBBC", 4, "ABBBC", 0, 4 },
                { "a run that is cut, and starts the file", "BBBBC", 4, "BBC", 0, 2 },
                { "cut down to one line", "BBBBC", 4, "BC", 0, 1 },
                { "a run behind a mark", "ABBC", 3, "-ABBC-", 0, 4 },
                { "a mark in a run", "AB-BC", 4, "AB-BC", 0, 4 },
                { "a cut run behind a mark", "BBBBC", 4, "-BBC", 0, 3 },
                { "a shorter run that is not cut", "ABBBC", 4, "ABC", -ENOENT, 0 },
                { "none of them", "ABBC", 3, "CDE", -ENOENT, 0 },
                { "an empty file", "ABC", 3, "", -ENOENT, 0 },
                { "nothing but marks", "ABC", 3, "--", -ENOENT, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _scratch_ Scratch scratch = scratch_enter();
                _cleanup_close_ int fd = -1;
                uint64_t passed = 0, lines = 0;
                PodmanPlace place = {};
                const char *texts[2] = { rows[i].before, rows[i].after };
                unsigned n = 0;

                for (size_t k = 0; k < 2; k++) {
                        file_write(k == 0 ? LOG : "new", "");
                        for (const char *p = texts[k]; *p; p++) {
                                PodmanModel model = { .path = k == 0 ? LOG : "new" };

                                if (*p == '-') {
                                        fd = open(model.path, O_WRONLY | O_APPEND | O_CLOEXEC);
                                        podman_put_mark(fd, &model, "begin");
                                        close(TAKE_FD(fd));
                                } else {
                                        podman_event(&model, (unsigned char)*p, 10);
                                }
                        }
                }
                /* As the source does: it passes marks over. */
                {
                        _cleanup_close_ int log_fd = open_log();
                        LineReader reader;
                        const char *line;
                        size_t length;

                        must(line_reader_init(&reader, log_fd, 0, PODMAN_LINE_MAX) == 0);
                        while (n++ < rows[i].n_taken &&
                               line_reader_next(&reader, UINT64_MAX, &line, &length) == LINE_READ)
                                if (rows[i].before[n - 1] != '-')
                                        podman_place_advance(&place, reader.offset, line, length);
                        line_reader_done(&reader);
                }
                must(rename("new", LOG) == 0);
                fd = open_log();
                tap_eq_int(podman_place_find(fd, &place, &passed), rows[i].result, "%s",
                           rows[i].label);
                if (rows[i].result < 0)
                        continue;
                _cleanup_free_ char *bytes = file_read(LOG, NULL);
                for (size_t k = 0; k < place.offset; k++)
                        lines += bytes[k] == '\n';
                tap_eq_u64(lines, rows[i].next, "it is behind that many lines");
        }
}

/* ---- the same file, changed ---- */

static void test_a_file_that_was_truncated(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_close_ int fd = -1;
        PodmanPlace place, again;
        uint64_t passed;

        fill(&model, 1, 10);
        place = take(8);
        fd = open_log();
        tap_eq_int(podman_place_holds(fd, &place), 1, "it holds");
        must(truncate(LOG, 0) == 0);
        tap_eq_int(podman_place_holds(fd, &place), 0, "not in an empty file");
        again = place;
        tap_eq_int(podman_place_find(fd, &again, &passed), -ENOENT, "where it is not found");
        tap_ok(memcmp(&again, &place, sizeof(place)) == 0, "and stays as it was");

        fill(&model, 11, 30);
        tap_eq_int(podman_place_holds(fd, &place), 0, "nor in one that was written anew");
        must(truncate(LOG, 0) == 0);
        fill(&model, 8, 30);
        again = place;
        tap_eq_int(podman_place_find(fd, &again, &passed), 0, "unless the line is there again");
        tap_eq_str(next_name(again.offset), "e9", "behind which it is");
}

/* Another file may get the inode of the old, and be as long. */
static void test_an_inode_that_is_used_again(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_close_ int fd = -1;
        PodmanPlace place;
        uint64_t passed;
        struct stat st;

        fill(&model, 1, 10);
        place = take(10);
        must(unlink(LOG) == 0);
        fill(&model, 11, 20);
        fd = open_log();
        must(fstat(fd, &st) == 0);
        place.inode = st.st_ino;
        tap_eq_int(podman_place_find(fd, &place, &passed), -ENOENT, "the line tells them apart");
}

static void test_the_start_of_a_file(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        PodmanModel model = { .path = LOG };
        _cleanup_close_ int fd = -1;
        PodmanPlace place;
        uint64_t passed = 0;
        struct stat st;

        file_write(LOG, "");
        place = take(0);
        fd = open_log();
        tap_eq_int(podman_place_holds(fd, &place), 1, "before the first line");
        fill(&model, 1, 3);
        tap_eq_int(podman_place_find(fd, &place, &passed), 1, "also when there are some");
        tap_eq_u64(place.offset, 0, "at the start");
        must(fstat(fd, &st) == 0);
        place.inode = st.st_ino + 1;
        tap_eq_int(podman_place_find(fd, &place, &passed), -ENOENT, "but not in another file");
}

/* What lies before the place is told by its last line, however long it is, and whatever else. */
static void test_where_a_place_holds(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *longest = repeated('x', PODMAN_LINE_MAX - 1);
        _cleanup_close_ int fd = -1;
        PodmanPlace place, known;

        file_write(LOG, "a\nbc\n\n");
        file_append(LOG, longest);
        file_append(LOG, "\n");
        fd = open_log();
        for (unsigned n = 1; n <= 4; n++) {
                known = take(n);
                place = stored(&known);
                tap_eq_int(podman_place_holds(fd, &known), 1, "line %u", n);
                tap_eq_int(podman_place_holds(fd, &place), 1, "line %u, of an unknown length", n);
                place.offset--;
                tap_eq_int(podman_place_holds(fd, &place), 0, "a byte before");
                place.offset += 2;
                tap_eq_int(podman_place_holds(fd, &place), 0, "a byte behind");
        }
        tap_eq_int(podman_place_holds(-1, &known), -EBADF, "no file");
        tap_eq_int(podman_place_find(-1, &known, &(uint64_t){ 0 }), -EBADF, "none to search");
}

static void test_a_line_that_is_too_long_is_passed_over(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_free_ char *longer = repeated('x', PODMAN_LINE_MAX);
        PodmanModel model = { .path = LOG };
        _cleanup_close_ int fd = -1;
        PodmanPlace place;
        uint64_t passed = 0;

        fill(&model, 1, 3);
        place = take(3);
        must(unlink(LOG) == 0);
        podman_append(&model, longer);
        podman_append(&model, "\n");
        fill(&model, 2, 4);
        fd = open_log();
        place.inode = 0;
        tap_eq_int(podman_place_find(fd, &place, &passed), 0, "what is behind it is found");
        tap_eq_str(next_name(place.offset), "e4", "there");
}

int main(void)
{
        test_a_place_comes_back_as_it_was();
        test_what_is_no_place();
        test_hashes();
        test_hashes_of_similar_lines();
        test_where_a_place_is_found();
        test_how_many_lines_are_passed();
        test_older_marks_in_the_kept_half();
        test_equal_lines();
        test_a_file_that_was_truncated();
        test_an_inode_that_is_used_again();
        test_the_start_of_a_file();
        test_where_a_place_holds();
        test_a_line_that_is_too_long_is_passed_over();
        return tap_done();
}
