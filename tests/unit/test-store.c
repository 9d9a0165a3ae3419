/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "log/store-lookup.h"
#include "scratch.h"
#include "tap.h"

#define FOLDER "store"
#define TEXT                                                                                       \
        "some bytes that make a line of a hundred and more, so that two of them fill a segment\n"

static void report(const char *sentence, void *userdata)
{
        (*(unsigned *)userdata)++;
}

static void store_fill(Store *store, uint64_t seq)
{
        uint64_t offset;

        must(store_prepare(store, seq, strlen(TEXT), 400) == 0);
        must(store_write(store, TEXT, strlen(TEXT), &offset) == 0);
}

static Store *store_new(unsigned *n_reports)
{
        Store *store = calloc(1, sizeof(Store));
        uint64_t newest, next;

        *n_reports = 0;
        must(store && store_init(store, FOLDER, report, n_reports) == 0);
        must(store_open(store, &newest, &next) == 0 && newest == 0 && next == 1);
        return store;
}

static void store_free(Store *store)
{
        store_done(store);
        free(store);
}

DEFINE_CLEANUP(Store *, store_free)

static void test_segments_are_sealed_found_and_dropped(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        unsigned n_reports;
        _cleanup_(store_freep) Store *store = store_new(&n_reports);

        for (uint64_t seq = 1; seq <= 6; seq++)
                store_fill(store, seq);
        tap_ok(store->n_segments >= 3, "%zu segments for six records", store->n_segments);
        tap_ok(!store->segments[0].active && store->segments[store->n_segments - 1].active,
               "the last one is active");
        tap_eq_u64(store_segment_of(store, 1)->first_seq, 1, "where the first number is");
        tap_eq_u64(store_segment_of(store, 6)->id, store->segments[store->n_segments - 1].id,
                   "where the last is");
        tap_eq_u64(store_segment_after(store, 1)->first_seq, store->segments[1].first_seq,
                   "which one follows");
        tap_ok(!store_segment_after(store, 6), "none follows the last");
        tap_eq_int(store_drop_oldest(store), 1, "the oldest goes");
        tap_ok(!file_exists(FOLDER "/events-00000000000000000001.log"), "and its file");
        while (store_drop_oldest(store) > 0)
                ;
        tap_eq_u64(store->n_segments, 1, "the active one stays");
        tap_eq_u64(n_reports, 0, "nothing had to be reported");
}

static void test_a_file_that_is_removed_is_missed(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        unsigned n_reports;
        _cleanup_(store_freep) Store *store = store_new(&n_reports);

        store_fill(store, 1);
        must(unlink(FOLDER "/events.log") == 0);
        store_fill(store, 2);
        tap_ok(file_exists(FOLDER "/events.log"), "there is a new segment");
        tap_eq_u64(store->segments[0].first_seq, 2, "that starts with the next number");
        tap_eq_u64(n_reports, 1, "it was reported");
        must(unlink(FOLDER "/events.log") == 0 && rmdir(FOLDER) == 0);
        store_fill(store, 3);
        tap_ok(file_exists(FOLDER "/events.log"), "a folder that is removed is made again");
        tap_eq_u64(store->segments[0].first_seq, 3, "and goes on with the next number");
}

static void test_a_folder_has_one_writer(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        unsigned n_reports;
        _cleanup_(store_freep) Store *store = store_new(&n_reports);
        uint64_t newest, next;
        Store second;

        must(store_init(&second, FOLDER, NULL, NULL) == 0);
        tap_eq_int(store_open(&second, &newest, &next), -EBUSY, "a second one is refused");
        tap_ok(strstr(second.failure, FOLDER), "with a sentence that names the folder");
        store_done(&second);
}

int main(void)
{
        test_segments_are_sealed_found_and_dropped();
        test_a_file_that_is_removed_is_missed();
        test_a_folder_has_one_writer();
        return tap_done();
}
