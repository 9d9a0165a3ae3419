/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The index of one segment, in memory and as a file: it finds what has a key, never misses, and
 * finds out when it is damaged.
 */

#include <errno.h>

#include <systemd/sd-id128.h>

#include "log/candidates.h"
#include "log/index-file.h"
#include "log/index-key.h"
#include "log/index-memory.h"
#include "sample.h"
#include "tap.h"

#define _cleanup_memory_ _cleanup_(index_memory_freep)
#define _cleanup_file_   _cleanup_(index_file_freep)

#define NAME        "test.index"
#define LINE_LENGTH 100

#define EPOCH SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 10)

/* Of the segment that memory_of() makes. */
static IndexOwner owner_of(uint32_t n)
{
        return (IndexOwner){ .epoch = EPOCH, .first_seq = 1, .size = (n + 1) * LINE_LENGTH };
}

/* Event "i" is named after i % 7 and after itself, and stands at (i + 1) * LINE_LENGTH. */
static IndexMemory *memory_of(uint32_t n)
{
        IndexMemory *memory;

        must(index_memory_new(EPOCH, &memory) == 0);
        index_memory_skip(memory, LINE_LENGTH, false);
        for (uint32_t i = 0; i < n; i++) {
                char name[16], id[80], value[16];
                const EventAttribute labels[] = { { "app", "web" }, { "n", value } };
                const EventFields fields = { .type = i % 2 ? "container" : "pod",
                                             .status = "died",
                                             .name = name,
                                             .id = id,
                                             .engine = "podman",
                                             .seq = i + 1,
                                             .time_nsec = 1000 + (i ^ 3),
                                             .attributes = labels,
                                             .n_attributes = ELEMENTSOF(labels) };

                snprintf(name, sizeof(name), "c%u", i % 7 == 0 ? 0 : i);
                snprintf(id, sizeof(id), "%08x%056x", i * 2654435761U, i);
                snprintf(value, sizeof(value), "%u", i / 10);
                must(index_memory_add(memory, (uint64_t)(i + 1) * LINE_LENGTH, LINE_LENGTH,
                                      &fields) == 0);
        }
        return memory;
}

static IndexFile *index_file_of(const IndexMemory *memory)
{
        const IndexOwner owner = owner_of(index_memory_summary(memory)->n_records);
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        IndexFile *file;

        must(fd >= 0);
        must(index_file_write(fd, NAME, memory, &owner) == 0);
        must(index_file_open(fd, NAME, &owner, &file) == 0);
        close(fd);
        return file;
}

/* How many lines have the text; -1 for any may, -2 if it cannot be told. */
static int count(const Index *index, IndexKind kind, const char *text)
{
        IndexPostings postings;
        uint32_t offsets[4096];
        int n, r;

        r = index_find(index, index_key(index_seed(index), kind, text, strlen(text)), &postings);
        if (r < 0)
                return -2;
        n = postings.dense ? -1 : (int)postings.count;
        must(postings.count <= ELEMENTSOF(offsets));
        if (n > 0 && index_postings_decode(&postings, offsets) < 0)
                n = -2;
        index_postings_done(&postings);
        return n;
}

static void test_what_has_a_key_is_found(void)
{
        static const struct {
                IndexKind kind;
                const char *text;
                int n;
        } rows[] = {
                { INDEX_NAME, "c1", 1 },        { INDEX_NAME, "c0", -1 },
                { INDEX_NAME, "c999", 1 },      { INDEX_NAME, "c1000", 0 },
                { INDEX_NAME, "", 0 },          { INDEX_STATUS, "died", -1 },
                { INDEX_TYPE, "image", 0 },     { INDEX_ENGINE, "docker", 0 },
                { INDEX_ID_LONG, "9e3779", 1 }, { INDEX_ID_LONG, "9e377a", 0 },
                { INDEX_LABEL, "app", -1 },     { INDEX_LABEL, "web", 0 },
                { INDEX_TYPE, "c1", 0 },
        };
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_memory_ IndexMemory *memory = memory_of(1000);
        _cleanup_file_ IndexFile *file = index_file_of(memory);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                tap_eq_int(count(&(Index){ .memory = memory }, rows[i].kind, rows[i].text),
                           rows[i].n, "%d \"%s\" in memory", rows[i].kind, rows[i].text);
                tap_eq_int(count(&(Index){ .file = file }, rows[i].kind, rows[i].text), rows[i].n,
                           "%d \"%s\" in the file", rows[i].kind, rows[i].text);
        }
        tap_ok(memcmp(index_memory_summary(memory), index_file_summary(file),
                      offsetof(IndexSummary, size)) == 0 &&
                       index_file_summary(file)->n_records == 1000 &&
                       index_file_summary(file)->last_seq == 1000 &&
                       index_file_summary(file)->min_nsec == 1000 &&
                       index_file_summary(file)->first_offset == LINE_LENGTH,
               "the file has the summary");
}

static void test_every_key_of_many_is_found(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_memory_ IndexMemory *memory = memory_of(4000);
        _cleanup_file_ IndexFile *file = index_file_of(memory);
        unsigned n_wrong = 0;

        for (uint32_t i = 0; i < 4000; i++) {
                char name[16];

                snprintf(name, sizeof(name), "c%u", i);
                n_wrong += count(&(Index){ .file = file }, INDEX_NAME, name) != (i == 0       ? -1
                                                                                 : i % 7 == 0 ? 0
                                                                                              : 1);
        }
        tap_eq_u64(n_wrong, 0, "each name is found as often as it is there");
        tap_eq_int(index_file_check(file), 0, "the file is intact");
}

static uint64_t n_candidates(const Index *index, uint64_t after, uint64_t since, uint64_t until)
{
        const CandidateBounds bounds = { after, since, until };
        const IndexPlan plan = {};
        Candidates candidates;
        uint64_t n = 0;

        must(candidates_find(index, &plan, &bounds, &candidates) == 0);
        for (size_t i = 0; i < candidates.n; i++)
                n += (candidates.ranges[i].end - candidates.ranges[i].start) / LINE_LENGTH;
        candidates_done(&candidates);
        return n;
}

static void test_bounds_narrow_to_marks(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_memory_ IndexMemory *memory = memory_of(1000);
        _cleanup_file_ IndexFile *file = index_file_of(memory);
        const Index indexes[] = { { .memory = memory }, { .file = file } };

        for (size_t i = 0; i < ELEMENTSOF(indexes); i++) {
                const char *where = i ? "in the file" : "in memory";

                tap_ok(n_candidates(indexes + i, 0, 0, 0) >= 1000, "all, %s", where);
                tap_eq_u64(n_candidates(indexes + i, 0, 1100, 1101), INDEX_MARK_RECORDS,
                           "one time, %s", where);
                tap_eq_u64(n_candidates(indexes + i, 900, 0, 0), 1000 - 896, "a number, %s", where);
                tap_eq_u64(n_candidates(indexes + i, 1000, 0, 0), 0, "behind the end, %s", where);
                tap_eq_u64(n_candidates(indexes + i, 0, 5000, 0), 0, "a later time, %s", where);
                tap_eq_u64(n_candidates(indexes + i, 0, 0, 1000), 0, "an earlier one, %s", where);
        }
}

/* One byte of the file is another: it does not open, or says it, or tells the truth. */
static void test_damage_is_found_out(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_memory_ IndexMemory *memory = memory_of(300);
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), file_fd;
        const IndexOwner owner = owner_of(300);
        unsigned n_wrong = 0, n_said = 0;
        struct stat st;

        index_file_free(index_file_of(memory));
        file_fd = open(NAME, O_RDWR | O_CLOEXEC);
        must(fd >= 0 && file_fd >= 0 && fstat(file_fd, &st) == 0);
        for (off_t at = 0; at < st.st_size; at += 7) {
                IndexFile *file = NULL;
                char byte, other;
                int r, n;

                must(pread(file_fd, &byte, 1, at) == 1);
                other = (char)(byte ^ (1 << (at % 8)));
                must(pwrite(file_fd, &other, 1, at) == 1);
                r = index_file_open(fd, NAME, &owner, &file);
                n = r < 0 ? -2 : count(&(Index){ .file = file }, INDEX_NAME, "c1");
                n_wrong += n != 1 && n != -2;
                n_said += n == -2 || index_file_check(file) == -EBADMSG;
                n_wrong += r < 0 && r != -EBADMSG;
                index_file_free(file);
                must(pwrite(file_fd, &byte, 1, at) == 1);
        }
        tap_eq_u64(n_wrong, 0, "nothing false is told");
        tap_eq_u64(n_said, (uint64_t)(st.st_size + 6) / 7, "each is found by a check");
        close(file_fd);
        close(fd);
}

static void test_what_does_not_belong_is_refused(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_memory_ IndexMemory *memory = memory_of(10);
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const IndexOwner owner = owner_of(10);
        IndexOwner other = owner;
        IndexFile *file;

        must(fd >= 0);
        index_file_free(index_file_of(memory));
        other.size++;
        tap_eq_int(index_file_open(fd, NAME, &other, &file), -ESTALE, "of another size");
        other = owner;
        other.first_seq++;
        tap_eq_int(index_file_open(fd, NAME, &other, &file), -ESTALE, "of another segment");
        other = owner;
        other.epoch = SD_ID128_NULL;
        tap_eq_int(index_file_open(fd, NAME, &other, &file), -ESTALE, "of another history");
        tap_eq_int(index_file_open(fd, "none", &owner, &file), -ENOENT, "not there");
        must(truncate(NAME, 600) == 0);
        tap_eq_int(index_file_open(fd, NAME, &owner, &file), -EBADMSG, "cut");
        must(truncate(NAME, 0) == 0);
        tap_eq_int(index_file_open(fd, NAME, &owner, &file), -EBADMSG, "empty");
        must(unlink(NAME) == 0 && mkfifo(NAME, 0600) == 0);
        tap_eq_int(index_file_open(fd, NAME, &owner, &file), -EBADMSG, "a FIFO");
        close(fd);
}

static void test_limits(void)
{
        _cleanup_memory_ IndexMemory *memory = memory_of(0);
        EventAttribute labels[INDEX_LABELS_MAX + 1];
        EventFields fields = { .type = "container",
                               .status = "died",
                               .seq = 1,
                               .attributes = labels,
                               .n_attributes = ELEMENTSOF(labels) };
        IndexPostings postings;

        for (size_t i = 0; i < ELEMENTSOF(labels); i++)
                labels[i] = (EventAttribute){ "app", "web" };
        tap_eq_int(index_memory_add(memory, UINT64_C(1) << 32, 10, &fields), -EFBIG, "4 GiB");
        tap_eq_int(index_memory_add(memory, 1, 10, &fields), -EINVAL, "inside another line");
        tap_eq_int(index_memory_add(memory, 100, 10, &fields), 0, "many labels");
        must(index_find(&(Index){ .memory = memory },
                        index_key(index_memory_seed(memory), INDEX_MANY_LABELS, "", 0),
                        &postings) == 0);
        tap_eq_u64(postings.count, 1, "are found by having many");
}

static void test_postings_that_are_not_ours(void)
{
        static const struct {
                const char *bytes;
                size_t size;
                uint32_t count;
                int result;
        } rows[] = {
                { "\x01\x02", 2, 2, 0 },
                { "\x01\x02", 2, 1, -EBADMSG },
                { "\x01\x02", 2, 3, -EBADMSG },
                { "\x01\x00", 2, 2, -EBADMSG },
                { "\x80", 1, 1, -EBADMSG },
                { "\xff\xff\xff\xff\x0f", 5, 1, 0 },
                { "\xff\xff\xff\xff\x0f\x01", 6, 2, -EBADMSG },
                { "\xff\xff\xff\xff\xff\x01", 6, 1, -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const IndexPostings postings = { .bytes = (const uint8_t *)rows[i].bytes,
                                                 .size = rows[i].size,
                                                 .count = rows[i].count };
                uint32_t offsets[4];

                tap_eq_int(index_postings_decode(&postings, offsets), rows[i].result, "row %zu", i);
        }
}

int main(void)
{
        test_what_has_a_key_is_found();
        test_every_key_of_many_is_found();
        test_bounds_narrow_to_marks();
        test_damage_is_found_out();
        test_what_does_not_belong_is_refused();
        test_limits();
        test_postings_that_are_not_ours();
        return tap_done();
}
