/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "log/reservation.h"
#include "scratch.h"
#include "tap.h"

static const sd_id128_t epoch =
        SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);

static int folder(void)
{
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        must(fd >= 0);
        return fd;
}

static Reservation reserved(int fd, uint64_t last_seq)
{
        Reservation reservation = {
                .epoch = epoch, .first_seq = 5, .last_seq = last_seq, .since_nsec = 77
        };

        for (uint64_t last = 10; last <= last_seq; last += 10) {
                reservation.last_seq = last;
                must(reservation_store(fd, &reservation) == 0);
        }
        return reservation;
}

static void test_what_is_stored_is_found(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = folder();
        Reservation found = {};
        struct stat before, after;

        tap_eq_int(reservation_load(fd, epoch, &found), -ENOENT, "at first there is none");
        reserved(fd, 10);
        must(stat(RESERVATION_NAME, &before) == 0);
        must(reservation_load(fd, epoch, &found) == 0);
        tap_ok(found.first_seq == 5 && found.last_seq == 10 && found.since_nsec == 77 &&
                       sd_id128_equal(found.epoch, epoch),
               "what was stored");
        found.last_seq = 20;
        must(reservation_store(fd, &found) == 0);
        found.first_seq = 0;
        found.last_seq = 15;
        must(reservation_store(fd, &found) == 0);
        must(reservation_load(fd, epoch, &found) == 0);
        tap_ok(found.first_seq == 0 && found.last_seq == 15 && found.generation == 3,
               "what was stored last");
        must(stat(RESERVATION_NAME, &after) == 0);
        tap_ok(before.st_size == after.st_size && before.st_blocks == after.st_blocks &&
                       before.st_ino == after.st_ino,
               "in the same place");
        tap_eq_int(reservation_load(fd, SD_ID128_NULL, &found), -ENOENT, "not another history's");
        tap_eq_u64(found.last_seq, 15, "which leaves the result alone");
}

/* Whatever one torn write leaves, what was stored before it is found. */
static void test_a_torn_write(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = folder();
        _cleanup_free_ char *bytes = NULL;
        unsigned n_wrong = 0, n_older = 0;
        size_t size;

        reserved(fd, 30);
        bytes = file_read(RESERVATION_NAME, &size);
        must(bytes);
        /* The third was written where the first was. */
        for (size_t i = size / 2; i < size; i++) {
                Reservation found = {};
                char c = bytes[i];

                bytes[i] ^= 1;
                file_put(RESERVATION_NAME, bytes, size, O_TRUNC);
                bytes[i] = c;
                n_wrong += reservation_load(fd, epoch, &found) < 0;
                n_older += found.last_seq == 20;
        }
        tap_eq_u64(n_wrong, 0, "leaves the other slot");
        tap_eq_u64(n_older, size / 2, "which has what was before");
}

static void test_what_is_none(void)
{
        _scratch_ Scratch scratch = scratch_enter();
        _cleanup_close_ int fd = folder();
        _cleanup_free_ char *bytes = NULL;
        Reservation reservation = reserved(fd, 20), found;
        size_t size;

        bytes = file_read(RESERVATION_NAME, &size);
        must(bytes && unlink(RESERVATION_NAME) == 0);
        file_write(RESERVATION_NAME, "");
        tap_eq_int(reservation_load(fd, epoch, &found), -EBADMSG, "an empty file");
        must(reservation_store(fd, &reservation) == 0);
        tap_eq_int(reservation_load(fd, epoch, &found), 0, "which can be used");
        memset(bytes, ' ', size);
        file_put(RESERVATION_NAME, bytes, size, O_TRUNC);
        tap_eq_int(reservation_load(fd, epoch, &found), -ENOENT, "one that was only made");
        memset(bytes, 'x', size);
        file_put(RESERVATION_NAME, bytes, size, O_TRUNC);
        tap_eq_int(reservation_load(fd, epoch, &found), -EBADMSG, "nonsense");
        must(unlink(RESERVATION_NAME) == 0 && symlink("elsewhere", RESERVATION_NAME) == 0);
        tap_eq_int(reservation_store(fd, &reservation), -ELOOP, "a link is not followed");
        tap_ok(!file_exists("elsewhere"), "nor what it names made");
        must(unlink(RESERVATION_NAME) == 0 && mkdir(RESERVATION_NAME, 0700) == 0);
        tap_ok(reservation_store(fd, &reservation) < 0 && reservation_load(fd, epoch, &found) < 0,
               "a folder");
}

int main(void)
{
        test_what_is_stored_is_found();
        test_a_torn_write();
        test_what_is_none();
        return tap_done();
}
