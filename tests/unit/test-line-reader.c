/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/line-reader.h"
#include "scratch.h"
#include "tap.h"

/* Reads on and writes down what came: "line|", "<too long>", and at the end the last result. */
static void read_all(LineReader *reader, uint64_t limit, char *seen, size_t size)
{
        for (size_t n = 0;;) {
                const char *line;
                size_t length;
                int r = line_reader_next(reader, limit, &line, &length);

                if (r == LINE_READ)
                        n += (size_t)snprintf(seen + n, size - n, "%.*s|", (int)length, line);
                else if (r == LINE_TOO_LONG)
                        n += (size_t)snprintf(seen + n, size - n, "<too long>");
                else {
                        snprintf(seen + n, size - n, "%s", r < 0 ? "<error>" : "");
                        return;
                }
        }
}

static void test_lines_are_told_apart(void)
{
        static const struct {
                const char *label, *text;
                uint64_t offset, limit;
                const char *want;
        } rows[] = {
                { "nothing", "", 0, UINT64_MAX, "" },
                { "one line", "a\n", 0, UINT64_MAX, "a|" },
                { "empty lines", "\n\na\n\n", 0, UINT64_MAX, "||a||" },
                { "a piece at the end is no line", "a\nb", 0, UINT64_MAX, "a|" },
                { "from an offset", "a\nbc\nd\n", 2, UINT64_MAX, "bc|d|" },
                { "from the middle of a line", "abc\nd\n", 1, UINT64_MAX, "bc|d|" },
                { "from behind the end", "a\n", 10, UINT64_MAX, "" },
                { "up to a limit at the end of a line", "a\nbc\nd\n", 0, 5, "a|bc|" },
                { "up to a limit inside a line", "a\nbc\nd\n", 0, 4, "a|" },
                { "the limit is before the offset", "a\nbc\n", 2, 1, "" },
                { "the longest line", "123456789\nb\n", 0, UINT64_MAX, "123456789|b|" },
                { "one byte more", "1234567890\nb\n", 0, UINT64_MAX, "<too long>b|" },
                { "too long twice", "12345678901\n123456789012\nb\n", 0, UINT64_MAX,
                  "<too long><too long>b|" },
                { "too long, and has no end", "a\n1234567890123", 0, UINT64_MAX, "a|" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_close_ int fd = file_of(rows[i].text, strlen(rows[i].text));
                LineReader reader;
                char seen[256];

                must(line_reader_init(&reader, fd, rows[i].offset, 10) == 0);
                read_all(&reader, rows[i].limit, seen, sizeof(seen));
                tap_eq_str(seen, rows[i].want, "%s", rows[i].label);
                line_reader_done(&reader);
        }
}

static void test_the_offset_is_behind_the_line(void)
{
        static const char text[] = "a\n\nbcd\n12345678901\nx\n";
        static const uint64_t offsets[] = { 2, 3, 7, 19, 21 };
        _cleanup_close_ int fd = file_of(text, strlen(text));
        LineReader reader;
        const char *line;
        size_t length;

        must(line_reader_init(&reader, fd, 0, 10) == 0);
        for (size_t i = 0; i < ELEMENTSOF(offsets); i++) {
                tap_ok(line_reader_next(&reader, UINT64_MAX, &line, &length) > 0, "line %zu", i);
                tap_eq_u64(reader.offset, offsets[i], "ends at byte %" PRIu64, offsets[i]);
        }
        line_reader_done(&reader);
}

/* What was a piece becomes a line; what was too long ends some day. */
static void test_a_file_that_grows(void)
{
        _cleanup_close_ int fd = file_of("ab", 2);
        LineReader reader;
        char seen[64];

        must(line_reader_init(&reader, fd, 0, 8) == 0);
        read_all(&reader, UINT64_MAX, seen, sizeof(seen));
        tap_eq_str(seen, "", "a piece");
        tap_eq_u64(reader.offset, 0, "is not passed");

        must(pwrite(fd, "c\n123456789012", 14, 2) == 14);
        read_all(&reader, UINT64_MAX, seen, sizeof(seen));
        tap_eq_str(seen, "abc|", "with its end it is a line");

        must(pwrite(fd, "345\nd\n", 6, 16) == 6);
        read_all(&reader, UINT64_MAX, seen, sizeof(seen));
        tap_eq_str(seen, "<too long>d|", "what is too long is told when it ends");
        line_reader_done(&reader);
}

static void test_it_goes_on_elsewhere(void)
{
        _cleanup_close_ int first = file_of("1234567890123", 13), second = file_of("a\nb\n", 4);
        LineReader reader;
        char seen[64];

        must(line_reader_init(&reader, first, 0, 8) == 0);
        read_all(&reader, UINT64_MAX, seen, sizeof(seen));
        line_reader_seek(&reader, second, 2);
        read_all(&reader, UINT64_MAX, seen, sizeof(seen));
        tap_eq_str(seen, "b|", "another file, and nothing of the first is left");
        line_reader_seek(&reader, second, 0);
        read_all(&reader, UINT64_MAX, seen, sizeof(seen));
        tap_eq_str(seen, "a|b|", "back to its start");
        line_reader_done(&reader);
}

static void test_a_nul_is_a_byte_like_any_other(void)
{
        _cleanup_close_ int fd = file_of("a\0b\n", 4);
        LineReader reader;
        const char *line;
        size_t length;

        must(line_reader_init(&reader, fd, 0, 8) == 0);
        tap_eq_int(line_reader_next(&reader, UINT64_MAX, &line, &length), LINE_READ, "a line");
        tap_ok(length == 3 && memcmp(line, "a\0b", 3) == 0, "with a NUL in it");
        line_reader_done(&reader);
}

static void test_a_descriptor_that_cannot_be_read(void)
{
        LineReader reader;
        const char *line;
        size_t length;

        must(line_reader_init(&reader, -1, 0, 8) == 0);
        tap_eq_int(line_reader_next(&reader, UINT64_MAX, &line, &length), -EBADF,
                   "the error is handed on");
        line_reader_done(&reader);
}

/* Lines of random lengths around the size of a piece, also too long, against a plain split. */
static void test_lines_that_cross_pieces(void)
{
        static char text[1024 * 1024];
        const size_t most = LINE_READER_PIECE;
        uint64_t seed = 1, n_wrong = 0;
        size_t size = 0;
        LineReader reader;

        while (size + most + 600 < sizeof(text)) {
                size_t length = random_below(&seed, 4) ? random_below(&seed, 3000)
                                                       : most - 300 + random_below(&seed, 600);

                memset(text + size, 'a' + (int)random_below(&seed, 26), length);
                size += length;
                text[size++] = '\n';
        }

        _cleanup_close_ int fd = file_of(text, size);
        must(line_reader_init(&reader, fd, 0, most) == 0);
        for (size_t at = 0; at < size;) {
                size_t want = strcspn(text + at, "\n"), length = 0;
                const char *line = NULL;
                int r = line_reader_next(&reader, UINT64_MAX, &line, &length);

                if (want + 1 > most)
                        n_wrong += r != LINE_TOO_LONG;
                else
                        n_wrong += r != LINE_READ || length != want ||
                                   memcmp(line, text + at, want) != 0;
                at += want + 1;
                n_wrong += reader.offset != at;
        }
        tap_eq_u64(n_wrong, 0, "every line comes as it is");
        line_reader_done(&reader);
}

int main(void)
{
        test_lines_are_told_apart();
        test_the_offset_is_behind_the_line();
        test_a_file_that_grows();
        test_it_goes_on_elsewhere();
        test_a_nul_is_a_byte_like_any_other();
        test_a_descriptor_that_cannot_be_read();
        test_lines_that_cross_pieces();
        return tap_done();
}
