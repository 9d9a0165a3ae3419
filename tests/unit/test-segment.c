/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>

#include "log/segment.h"
#include "sample.h"
#include "tap.h"

static void test_names_of_segments(void)
{
        static const struct {
                Segment segment;
                const char *name;
        } rows[] = {
                { { .first_seq = 5, .active = true }, "events.log" },
                { { .first_seq = 1 }, "events-00000000000000000001.log" },
                { { .first_seq = UINT64_MAX }, "events-18446744073709551615.log" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char name[SEGMENT_NAME_SIZE];
                uint64_t seq = 0;

                segment_name(&rows[i].segment, name);
                tap_eq_str(name, rows[i].name, "%s", rows[i].name);
                tap_ok(segment_name_parse(name, &seq) == !rows[i].segment.active,
                       "the name of a sealed one has a number");
                tap_eq_u64(seq, rows[i].segment.active ? 0 : rows[i].segment.first_seq, "its own");
        }
}

static void test_names_that_are_none(void)
{
        static const char *const names[] = {
                "",
                "events",
                "events.log",
                "events.log.new",
                "events-1.log",
                "events-00000000000000000000.log",
                "events-0000000000000000001.log",
                "events-000000000000000000001.log",
                "events-18446744073709551616.log",
                "events-0000000000000000000x.log",
                "events--0000000000000000001.log",
                "events-+0000000000000000001.log",
                "events-00000000000000000001.lo",
                "events-00000000000000000001.log.gz",
                "events_00000000000000000001.log",
                "Events-00000000000000000001.log",
                " events-00000000000000000001.log",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                uint64_t seq = 4711;

                tap_ok(!segment_name_parse(names[i], &seq) && seq == 4711, "\"%s\"", names[i]);
        }
}

static void test_only_regular_files_are_opened(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

        file_write("file", "x");
        must(mkdir("folder", 0700) == 0 && mkfifo("fifo", 0600) == 0);
        must(symlink("file", "link") == 0);
        fd = segment_open(folder, "file", true);
        tap_ok(fd >= 0 && pwrite(fd, "y", 1, 1) == 1, "a file, to be written");
        close(TAKE_FD(fd));
        fd = segment_open(folder, "file", false);
        tap_ok(fd >= 0 && pwrite(fd, "y", 1, 1) < 0, "a file, to be read");
        tap_eq_int(segment_open(folder, "missing", false), -ENOENT, "none");
        tap_eq_int(segment_open(folder, "folder", false), -EISDIR, "a folder");
        tap_eq_int(segment_open(folder, "folder", true), -EISDIR, "a folder, to be written");
        tap_eq_int(segment_open(folder, "fifo", false), -EISDIR, "a FIFO does not stop us");
        tap_eq_int(segment_open(folder, "fifo", true), -EISDIR, "nor does it when written");
        tap_eq_int(segment_open(folder, "link", false), -ELOOP, "a link is not followed");
}

static RecordHeader header_from(uint64_t first_seq, struct json_object *positions)
{
        RecordHeader header = { .format = RECORD_FORMAT,
                                .first_seq = first_seq,
                                .positions = positions };

        must(sd_id128_randomize(&header.epoch) == 0);
        return header;
}

static void test_a_segment_is_made_with_its_header(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
        _cleanup_json_ struct json_object *positions = json_of("{\"podman\":\"1\"}");
        RecordHeader header = header_from(8, positions), again = {};
        uint64_t size = 0;
        struct stat st;

        file_write(SEGMENT_NEW_NAME, "what a crash left");
        fd = segment_create(folder, &header, &size);
        tap_ok(fd >= 0, "it is made");
        tap_ok(fstat(fd, &st) == 0 && (uint64_t)st.st_size == size, "its size is told");
        tap_eq_int(st.st_mode & 0777 & ~0640U, 0, "it is closed to others");
        tap_eq_int(segment_read_header(fd, &again), 0, "its header is read");
        tap_ok(sd_id128_equal(again.epoch, header.epoch) && again.first_seq == 8, "and is ours");
        record_header_done(&again);
}

static void test_what_is_in_the_way_of_a_new_segment(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_json_ struct json_object *positions = json_of("{}");
        RecordHeader header = header_from(1, positions);
        _cleanup_free_ char *kept = NULL;
        uint64_t size;
        int fd;

        file_write("precious", "x");
        must(symlink("precious", SEGMENT_NEW_NAME) == 0);
        fd = segment_create(folder, &header, &size);
        tap_ok(fd >= 0, "a link gives way");
        close(fd);
        kept = file_read("precious", NULL);
        tap_eq_str(kept, "x", "what it stood for does not");

        must(unlink(SEGMENT_NEW_NAME) == 0 && mkdir(SEGMENT_NEW_NAME, 0700) == 0);
        tap_eq_int(segment_create(folder, &header, &size), -EISDIR, "a folder does not give way");
}

static void test_positions(void)
{
        static const struct {
                const char *position;
                int result;
                const char *want;
        } rows[] = {
                { "podman 1 2", 0, "{\"podman\":\"1 2\"}" },
                { "docker 9", 0, "{\"podman\":\"1 2\",\"docker\":\"9\"}" },
                { "podman 3", 0, "{\"podman\":\"3\",\"docker\":\"9\"}" },
                { "podman", -EINVAL, "{\"podman\":\"3\",\"docker\":\"9\"}" },
                { "", -EINVAL, "{\"podman\":\"3\",\"docker\":\"9\"}" },
        };
        _cleanup_json_ struct json_object *positions = json_object_new_object();

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                tap_eq_int(positions_set(positions, rows[i].position), rows[i].result, "\"%s\"",
                           rows[i].position);
                tap_eq_str(json_object_to_json_string_ext(positions, JSON_C_TO_STRING_PLAIN),
                           rows[i].want, "what is known now");
        }
}

/* ---- scan ---- */

static char bytes[64 * 1024];
static size_t n_bytes;

static void add_bytes(const void *more, size_t length)
{
        must(n_bytes + length < sizeof(bytes));
        memcpy(bytes + n_bytes, more, length);
        n_bytes += length;
}

/* Always the same, although a header holds the time. */
static void add_header(void)
{
        static char text[512];
        static size_t length;

        if (length == 0) {
                _cleanup_json_ struct json_object *positions = json_of("{\"old\":\"1\"}");
                RecordHeader header = header_from(5, positions);
                _cleanup_free_ char *line = NULL;

                must(record_format_header(&header, &line, &length) == 0);
                must(length < sizeof(text));
                memcpy(text, line, length);
        }
        add_bytes(text, length);
}

static void add_record(uint64_t seq)
{
        _cleanup_event_ Event *event = event_numbered(seq);
        _cleanup_free_ char *line = NULL;
        char position[32];
        size_t length;

        snprintf(position, sizeof(position), "podman %" PRIu64, seq);
        must(record_format(event, seq, position, &line, &length) == 0);
        add_bytes(line, length);
}

/*
 * A segment from letters: H a header from 5 on, a digit the record of that number, x a damaged
 * line, t a piece of a line, z a block of zeros.
 */
static int build(const char *letters)
{
        static const char zeros[4096];

        n_bytes = 0;
        for (const char *p = letters; *p; p++)
                switch (*p) {
                case 'H':
                        add_header();
                        break;
                case 'x':
                        add_bytes("{\"x\"}\n", 6);
                        break;
                case 't':
                        add_bytes("{\"Sta", 5);
                        break;
                case 'z':
                        add_bytes(zeros, sizeof(zeros));
                        break;
                default:
                        add_record((uint64_t)(*p - '0'));
                        break;
                }
        return file_of(bytes, n_bytes);
}

static void test_what_a_scan_finds(void)
{
        static const struct {
                const char *letters;
                bool has_header;
                uint64_t first, last, n_damaged, n_tail_lines;
                const char *good; /* the letters up to the last good line */
                const char *place;
        } rows[] = {
                { "", false, 0, 0, 0, 0, "", NULL },
                { "H", true, 0, 0, 0, 0, "H", NULL },
                { "H567", true, 5, 7, 0, 0, "H567", "7" },
                { "H579", true, 5, 9, 0, 0, "H579", "9" },
                { "H56t", true, 5, 6, 0, 0, "H56", "6" },
                { "H56z", true, 5, 6, 0, 0, "H56", "6" },
                { "H56tz", true, 5, 6, 0, 0, "H56", "6" },
                { "H56x", true, 5, 6, 0, 1, "H56", "6" },
                { "H56xxt", true, 5, 6, 0, 2, "H56", "6" },
                { "H5x6", true, 5, 6, 1, 0, "H5x6", "6" },
                { "H5xx6x7x", true, 5, 7, 3, 1, "H5xx6x7", "7" },
                { "H5z6", true, 5, 5, 0, 1, "H5", "5" },
                { "H5z67", true, 5, 7, 1, 0, "H5z67", "7" },
                { "H5t67", true, 5, 7, 1, 0, "H5t67", "7" },
                { "Hx", true, 0, 0, 0, 1, "H", NULL },
                { "Ht", true, 0, 0, 0, 0, "H", NULL },
                { "x567", false, 5, 7, 1, 0, "x567", "7" },
                { "567", false, 6, 7, 1, 0, "567", "7" },
                { "x", false, 0, 0, 0, 1, "", NULL },
                { "t", false, 0, 0, 0, 0, "", NULL },
                { "z", false, 0, 0, 0, 0, "", NULL },
                /* numbers that do not grow, and a second header, are not ours */
                { "H5567", true, 5, 7, 1, 0, "H5567", "7" },
                { "H765", true, 7, 7, 0, 2, "H7", "7" },
                { "H5H6", true, 5, 6, 1, 0, "H5H6", "6" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ struct json_object *positions = NULL;
                _cleanup_close_ int good_fd = -1, fd = -1;
                struct json_object *place = NULL;
                SegmentScan scan = {};
                uint64_t good_size;

                good_fd = build(rows[i].good);
                good_size = n_bytes;
                fd = build(rows[i].letters);
                tap_eq_int(segment_scan(fd, &scan, &positions, NULL), 0, "\"%s\"", rows[i].letters);
                tap_ok(scan.has_header == rows[i].has_header, "header");
                tap_eq_u64(scan.first_seq, rows[i].first, "first number");
                tap_eq_u64(scan.last_seq, rows[i].last, "last number");
                tap_eq_u64(scan.n_damaged, rows[i].n_damaged, "damaged lines");
                tap_eq_u64(scan.n_tail_lines, rows[i].n_tail_lines, "lines in the tail");
                tap_eq_u64(scan.good_size, good_size, "good bytes");
                tap_eq_u64(scan.tail_size, n_bytes - good_size, "bytes in the tail");
                json_object_object_get_ex(positions, "podman", &place);
                tap_eq_str(json_object_get_string(place), rows[i].place, "position");
                tap_ok(json_object_object_get_ex(positions, "old", NULL) == scan.has_header,
                       "positions in the header count");
                segment_scan_done(&scan);
        }
}

static void test_where_the_damage_is(void)
{
        _cleanup_json_ struct json_object *positions = NULL;
        _cleanup_close_ int before_fd = build("H5"), fd = -1;
        uint64_t offset = n_bytes;
        SegmentScan scan = {};

        fd = build("H5xx6x7");
        must(segment_scan(fd, &scan, &positions, NULL) == 0);
        tap_eq_u64(scan.damaged_offset, offset, "the first damaged line is told");
        segment_scan_done(&scan);
}

static void test_what_cannot_be_scanned(void)
{
        struct json_object *positions = NULL;
        RecordHeader header = {};
        SegmentScan scan = {};
        _cleanup_close_ int empty = build(""), headless = build("567"), piece = build("t");

        tap_eq_int(segment_scan(-1, &scan, &positions, NULL), -EBADF, "no file");
        tap_eq_int(segment_read_header(-1, &header), -EBADF, "no file, no header");
        tap_eq_int(segment_read_header(empty, &header), -EBADMSG, "an empty file");
        tap_eq_int(segment_read_header(headless, &header), -EBADMSG, "an event is no header");
        tap_eq_int(segment_read_header(piece, &header), -EBADMSG, "nor is a piece of a line");
}

int main(void)
{
        test_names_of_segments();
        test_names_that_are_none();
        test_only_regular_files_are_opened();
        test_a_segment_is_made_with_its_header();
        test_what_is_in_the_way_of_a_new_segment();
        test_positions();
        test_what_a_scan_finds();
        test_where_the_damage_is();
        test_what_cannot_be_scanned();
        return tap_done();
}
