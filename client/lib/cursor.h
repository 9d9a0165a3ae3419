/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A cursor is a place in the history, "EPOCH:SEQ": which history, and the number of the last event
 * before that place. The service gives one with each page; a reader that gets events one by one
 * makes the cursor of each from the epoch of the last page and the event's own number.
 */

#include <stdint.h>

/* Takes a cursor apart. -EINVAL if it has another form; it may still be good for the service. */
int cursor_split(const char *cursor, char **ret_epoch, uint64_t *ret_seq);

/* The cursor right after the event with that number. */
int cursor_format(const char *epoch, uint64_t seq, char **ret);
