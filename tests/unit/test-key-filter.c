/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The filter of a row of segments: what one of them has passes, hardly anything else does, and
 * damage is found out.
 */

#include <errno.h>

#include "log/key-filter.h"
#include "sample.h"
#include "tap.h"

#define EPOCH SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 10)

#define N_PER_SEGMENT 500

static int open_folder(void)
{
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        must(fd >= 0);
        return fd;
}

/* The index of containers "c<first>" and so on. */
static IndexFile *index_of(int fd, unsigned first)
{
        const IndexOwner owner = { .epoch = EPOCH,
                                   .first_seq = 1,
                                   .size = N_PER_SEGMENT * 10 + 10 };
        IndexMemory *memory;
        IndexFile *file;

        must(index_memory_new(EPOCH, &memory) == 0);
        for (unsigned i = 0; i < N_PER_SEGMENT; i++) {
                char name[16];
                const EventFields fields = {
                        .type = "container", .status = "died", .name = name, .seq = i + 1
                };

                snprintf(name, sizeof(name), "c%u", first + i);
                must(index_memory_add(memory, 10 + i * 10, 10, &fields) == 0);
        }
        must(index_file_write(fd, "x.index", memory, &owner) == 0);
        must(index_file_open(fd, "x.index", &owner, &file) == 0);
        index_memory_free(memory);
        return file;
}

static void make_filter(int fd)
{
        KeyFilterBuilder *builder;

        must(key_filter_builder_new(10, KEY_FILTER_SEGMENTS * N_PER_SEGMENT, &builder) == 0);
        for (unsigned i = 0; i < KEY_FILTER_SEGMENTS; i++) {
                IndexFile *index = index_of(fd, i * N_PER_SEGMENT);

                must(key_filter_builder_add(builder, index) == 0);
                index_file_free(index);
        }
        must(key_filter_builder_write(builder, fd, 90, EPOCH) == 0);
        key_filter_builder_free(builder);
}

/* Whether what the term asks for may be there. */
static int ask(const KeyFilter *filter, const char *term)
{
        char message[FILTER_MESSAGE_SIZE];
        IndexPlan plan;
        Filter *asked;
        int r;

        must(filter_new((const char *const[]){ term, NULL }, &asked, message) == 0);
        must(index_plan_make(asked, &plan) == 0);
        r = key_filter_may_match(filter, &plan);
        index_plan_done(&plan);
        filter_free(asked);
        return r;
}

static void test_what_is_there_passes(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        unsigned n_missed = 0, n_passed = 0;
        int fd = open_folder();
        KeyFilter *filter;
        char term[32];

        make_filter(fd);
        must(key_filter_open(fd, 10, EPOCH, &filter) == 0);
        tap_eq_u64(key_filter_first_seq(filter), 10, "it knows where its range begins");
        tap_eq_u64(key_filter_end_seq(filter), 90, "and ends");
        for (unsigned i = 0; i < KEY_FILTER_SEGMENTS * N_PER_SEGMENT; i++) {
                snprintf(term, sizeof(term), "name=c%u", i);
                n_missed += ask(filter, term) != 1;
                snprintf(term, sizeof(term), "name=d%u", i);
                n_passed += ask(filter, term) != 0;
        }
        tap_eq_u64(n_missed, 0, "all that is there passes");
        tap_ok(n_passed < KEY_FILTER_SEGMENTS * N_PER_SEGMENT / 25,
               "of 8,000 that are not there %u do", n_passed);
        tap_eq_int(ask(filter, "container=c1"), 1, "both clauses are there");
        tap_eq_int(ask(filter, "pod=c1"), 0, "one of them is not");
        tap_eq_int(ask(filter, "name!=c1"), 1, "what it cannot tell passes");
        key_filter_free(filter);
        close(fd);
}

static void test_what_is_no_filter(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        unsigned n_wrong = 0, n_said = 0, n = 0;
        int fd = open_folder(), file;
        char name[KEY_FILTER_NAME_SIZE];
        KeyFilter *filter;
        uint64_t first_seq;
        struct stat st;

        make_filter(fd);
        key_filter_name(10, name);
        tap_ok(key_filter_name_parse(name, &first_seq) && first_seq == 10, "its name tells");
        tap_ok(!key_filter_name_parse("events-00000000000000000000.filter", &first_seq) &&
                       !key_filter_name_parse("events-00000000000000000010.index", &first_seq),
               "others do not");
        tap_eq_int(key_filter_open(fd, 11, EPOCH, &filter), -ENOENT, "another is not there");
        tap_eq_int(key_filter_open(fd, 10, SD_ID128_NULL, &filter), -EBADMSG, "another history");

        file = open(name, O_RDWR | O_CLOEXEC);
        must(file >= 0 && fstat(file, &st) == 0);
        for (off_t at = 0; at < st.st_size; at += 31, n++) {
                char byte, other;
                int r;

                must(pread(file, &byte, 1, at) == 1);
                other = (char)(byte ^ 16);
                must(pwrite(file, &other, 1, at) == 1);
                r = key_filter_open(fd, 10, EPOCH, &filter);
                if (r < 0) {
                        n_said++;
                } else {
                        /* c1 is there: it passes, or the damage is said. */
                        r = ask(filter, "name=c1");
                        n_said += r == -EBADMSG;
                        n_wrong += r == 0;
                        key_filter_free(filter);
                }
                must(pwrite(file, &byte, 1, at) == 1);
        }
        tap_eq_u64(n_wrong, 0, "nothing is missed in %u damaged ones", n);
        tap_ok(n_said > 0, "damage is said");
        must(ftruncate(file, 600) == 0);
        tap_eq_int(key_filter_open(fd, 10, EPOCH, &filter), -EBADMSG, "cut");
        close(file);
        close(fd);
}

int main(void)
{
        test_what_is_there_passes();
        test_what_is_no_filter();
        return tap_done();
}
