/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reservation: which numbers may have been given to events that the history does not have. While
 * the history cannot be written events are published all the same, and after a crash nobody but
 * this file knows that their numbers are used.
 *
 * The file is made and filled while all is well, so that on a full disk it is only overwritten in
 * place, which needs no room (but on file systems that never overwrite; there nothing can be
 * reserved then). It holds two slots, written in turn: a write that is torn leaves the other.
 *
 * Its name starts with a dot, since it is nothing to read: the history is in the segments.
 */

#include <stdint.h>

#include <systemd/sd-id128.h>

#define RESERVATION_NAME ".reserved"

typedef struct Reservation {
        sd_id128_t epoch;    /* of the history */
        uint64_t generation; /* counts writes */
        uint64_t first_seq;  /* 0: nothing is reserved */
        uint64_t last_seq;   /* no number up to it is free, reserved or not */
        uint64_t since_nsec; /* when the first was reserved */
} Reservation;

/*
 * Returns -ENOENT if there is none for a history of that epoch, -EBADMSG if what there is cannot be
 * understood, or negative errno.
 */
int reservation_load(int directory_fd, sd_id128_t epoch, Reservation *ret);

/* 0 if all of the file is as we write it; -ENOENT, -EBADMSG or another negative errno. */
int reservation_check(int directory_fd);

/* Durably; makes the file if it is not there. The generation grows by one. */
int reservation_store(int directory_fd, Reservation *reservation);
