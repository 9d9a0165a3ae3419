/* SPDX-License-Identifier: Apache-2.0 */
#include "log/reservation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "log/segment.h"

/* A block of any usual disk: what tears one slot does not tear the other. */
#define SLOT_SIZE 4096
#define N_SLOTS   2

/* One line of text, and blanks behind it. */
#define HEAD      "containers-events numbers 1"
#define LINE_SIZE 256

/* Greater ones are none of ours, and the next must have a number too. */
#define SEQ_LIMIT (UINT64_MAX / 2)

static void format_slot(const Reservation *reservation, char slot[static SLOT_SIZE])
{
        char line[LINE_SIZE], epoch[SD_ID128_STRING_MAX];
        int n;

        n = snprintf(line, sizeof(line),
                     HEAD " epoch=%s generation=%" PRIu64 " first=%" PRIu64 " last=%" PRIu64
                          " since=%" PRIu64,
                     sd_id128_to_string(reservation->epoch, epoch), reservation->generation,
                     reservation->first_seq, reservation->last_seq, reservation->since_nsec);
        n += snprintf(line + n, sizeof(line) - (size_t)n, " crc=%08lx\n",
                      crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)line, (size_t)n));

        memset(slot, ' ', SLOT_SIZE);
        memcpy(slot, line, (size_t)n);
}

/* The value of a key in a line. What stands around it is not looked at, see parse_slot(). */
static bool find_value(const char *line, const char *key, char *value, size_t size)
{
        const char *start = strstr(line, key);
        size_t length;

        if (!start)
                return false;
        start += strlen(key);
        length = strcspn(start, " \n");
        if (length >= size)
                return false;
        memcpy(value, start, length);
        value[length] = '\0';
        return true;
}

static bool find_number(const char *line, const char *key, uint64_t *ret)
{
        char value[21];

        return find_value(line, key, value, sizeof(value)) && parse_u64(value, ret) >= 0;
}

/* What is read must be what would be written, to the last byte. */
static bool parse_slot(const char slot[static SLOT_SIZE], Reservation *ret)
{
        char line[LINE_SIZE], again[SLOT_SIZE], epoch[SD_ID128_STRING_MAX];
        Reservation reservation;

        memcpy(line, slot, sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        if (!find_value(line, " epoch=", epoch, sizeof(epoch)) ||
            sd_id128_from_string(epoch, &reservation.epoch) < 0 ||
            !find_number(line, " generation=", &reservation.generation) ||
            !find_number(line, " first=", &reservation.first_seq) ||
            !find_number(line, " last=", &reservation.last_seq) ||
            !find_number(line, " since=", &reservation.since_nsec) ||
            reservation.last_seq > SEQ_LIMIT || reservation.first_seq > reservation.last_seq)
                return false;
        format_slot(&reservation, again);
        if (memcmp(slot, again, SLOT_SIZE) != 0)
                return false;

        *ret = reservation;
        return true;
}

static int write_at(int fd, const char *bytes, size_t size, off_t offset)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(fd, bytes + done, size - done, offset + (off_t)done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }

        return 0;
}

/* A new file that already has all of its bytes. */
static int make_file(int directory_fd)
{
        static const char name[] = RESERVATION_NAME;
        _cleanup_close_ int fd = -1;
        char blanks[SLOT_SIZE * N_SLOTS];
        int r;

        fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        memset(blanks, ' ', sizeof(blanks));
        r = write_at(fd, blanks, sizeof(blanks), 0);
        if (r >= 0 && (fsync(fd) < 0 || fsync(directory_fd) < 0))
                r = -errno;
        if (r < 0) {
                unlinkat(directory_fd, name, 0);
                return r;
        }

        return TAKE_FD(fd);
}

static bool is_blank(const char slot[static SLOT_SIZE])
{
        return slot[0] == ' ' && memcmp(slot, slot + 1, SLOT_SIZE - 1) == 0;
}

int reservation_check(int directory_fd)
{
        char slots[SLOT_SIZE * N_SLOTS + 1];
        _cleanup_close_ int fd = -1;
        Reservation ignored;
        ssize_t n;

        fd = segment_open(directory_fd, RESERVATION_NAME, false);
        if (fd < 0)
                return fd;
        n = pread(fd, slots, sizeof(slots), 0);
        if (n < 0)
                return -errno;
        if (n != sizeof(slots) - 1)
                return -EBADMSG;
        for (unsigned i = 0; i < N_SLOTS; i++)
                if (!is_blank(slots + i * SLOT_SIZE) &&
                    !parse_slot(slots + i * SLOT_SIZE, &ignored))
                        return -EBADMSG;

        return 0;
}

int reservation_load(int directory_fd, sd_id128_t epoch, Reservation *ret)
{
        char slots[SLOT_SIZE * N_SLOTS];
        Reservation found = {}, slot;
        _cleanup_close_ int fd = -1;
        unsigned n_valid = 0;
        ssize_t n;

        fd = segment_open(directory_fd, RESERVATION_NAME, false);
        if (fd < 0)
                return fd;
        memset(slots, 0, sizeof(slots));
        n = pread(fd, slots, sizeof(slots), 0);
        if (n < 0)
                return -errno;

        for (unsigned i = 0; i < N_SLOTS; i++) {
                if (!parse_slot(slots + i * SLOT_SIZE, &slot))
                        continue;
                n_valid++;
                if (sd_id128_equal(slot.epoch, epoch) && slot.generation >= found.generation)
                        found = slot;
        }
        if (n_valid == 0)
                return slots[0] == ' ' && slots[SLOT_SIZE] == ' ' ? -ENOENT : -EBADMSG;
        if (sd_id128_is_null(found.epoch))
                return -ENOENT;

        *ret = found;
        return 0;
}

int reservation_store(int directory_fd, Reservation *reservation)
{
        Reservation next = *reservation;
        _cleanup_close_ int fd = -1;
        char slot[SLOT_SIZE];
        off_t offset;
        int r;

        /* By its name each time: somebody may have removed the file, or the folder. */
        fd = segment_open(directory_fd, RESERVATION_NAME, true);
        if (fd == -ENOENT)
                fd = make_file(directory_fd);
        if (fd < 0)
                return fd;

        next.generation++;
        format_slot(&next, slot);
        offset = (off_t)(next.generation % N_SLOTS * SLOT_SIZE);
        r = write_at(fd, slot, sizeof(slot), offset);
        if (r >= 0 && fdatasync(fd) < 0)
                r = -errno;
        if (r < 0) {
                /* Nobody relies on it: the next start need not find it either, if that can be had.
                 */
                memset(slot, ' ', sizeof(slot));
                (void)write_at(fd, slot, sizeof(slot), offset);
                return r;
        }

        *reservation = next;
        return 0;
}
