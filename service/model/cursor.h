/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Cursor: a place in the history, right behind the event with the number seq; 0 is before the
 * first. As text it is EPOCH:SEQ, opaque to its users.
 */

#include <stdint.h>

#include <systemd/sd-id128.h>

/* 32 hex digits, ":", 20 digits, NUL. */
#define CURSOR_SIZE 54

typedef struct Cursor {
        sd_id128_t epoch;
        uint64_t seq;
} Cursor;

/* Returns -EINVAL for what is no cursor. */
int cursor_parse(const char *text, Cursor *ret);

void cursor_format(const Cursor *cursor, char text[static CURSOR_SIZE]);
