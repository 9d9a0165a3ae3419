/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "log/batch.h"
#include "scratch.h"
#include "tap.h"

#define _cleanup_batch_ _cleanup_(batch_done)

/* Line N is N letters "x" and its end. */
static Batch batch_of(uint64_t first_seq, size_t n)
{
        Batch batch = {};

        for (size_t i = 1; i <= n; i++) {
                char line[256];

                memset(line, 'x', i);
                line[i] = '\n';
                must(batch_make_room(&batch, i + 1, SIZE_MAX) == 0);
                batch_add(&batch, first_seq + i - 1, line, i + 1);
        }
        return batch;
}

static void test_lines_come_in_order(void)
{
        _cleanup_batch_ Batch batch = batch_of(10, 100);
        const char *line;
        uint64_t seq = 0;
        unsigned n_wrong = 0;
        size_t length;

        for (size_t i = 1; i <= 100; i++)
                n_wrong += !batch_next(&batch, seq, &line, &length, &seq) || seq != 9 + i ||
                           length != i || line[length] != '\n';
        tap_eq_u64(n_wrong, 0, "each, with its number");
        tap_ok(!batch_next(&batch, seq, &line, &length, &seq), "and then none");
        tap_ok(!batch_next(&batch, UINT64_MAX, &line, &length, &seq), "nor far behind");
        tap_ok(batch_next(&batch, 9, &line, &length, &seq) && seq == 10, "again from the first");
        tap_ok(batch_next(&batch, 59, &line, &length, &seq) && seq == 60 && length == 51,
               "or from the middle");
}

static void test_the_oldest_go(void)
{
        _cleanup_batch_ Batch batch = batch_of(1, 10);
        const char *line;
        uint64_t seq = 0;
        size_t length, size, n;

        size = batch_piece(&batch, 1, &n);
        tap_ok(size == 2 && n == 1, "a piece is a whole line, or more");
        size = batch_piece(&batch, 9, &n);
        tap_ok(size == 9 && n == 3, "as many as fit");
        size = batch_piece(&batch, 1000, &n);
        tap_ok(size == batch.size && n == 10, "or all");

        size = batch_piece(&batch, 10, &n);
        must(batch_next(&batch, 6, &line, &length, &seq));
        batch_remove(&batch, size, n);
        tap_ok(batch_next(&batch, 7, &line, &length, &seq) && seq == 8 && length == 8,
               "a reader behind them goes on");
        tap_ok(batch_next(&batch, 0, &line, &length, &seq) && seq == 4 && length == 4,
               "others start with what is left");
        batch_remove(&batch, batch.size, batch.n_lines);
        tap_ok(!batch_next(&batch, 0, &line, &length, &seq), "when all went there is none");
        must(batch_make_room(&batch, 3, 100) == 0);
        batch_add(&batch, 50, "xx\n", 3);
        tap_ok(batch_next(&batch, 0, &line, &length, &seq) && seq == 50, "the next may have any");
}

static void test_a_limit(void)
{
        _cleanup_batch_ Batch batch = {};

        tap_eq_int(batch_make_room(&batch, 11, 10), -ENOBUFS, "too long");
        tap_eq_int(batch_make_room(&batch, 8, 10), 0, "one that fits");
        batch_add(&batch, 1, "1234567\n", 8);
        tap_eq_int(batch_make_room(&batch, 3, 10), -ENOBUFS, "too much");
        tap_eq_int(batch_make_room(&batch, 2, 10), 0, "to the last byte");
        tap_ok(batch.allocated <= 10, "and no more than that");
}

int main(void)
{
        test_lines_come_in_order();
        test_the_oldest_go();
        test_a_limit();
        return tap_done();
}
