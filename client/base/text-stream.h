/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A stream that collects a text in memory. glibc's open_memstream() is no good for that: where
 * there is no memory it leaves out what is written, and neither ferror() nor fclose() says so.
 */

#include <stddef.h>
#include <stdio.h>

/* Stays where it is while it is open. */
typedef struct TextStream {
        FILE *file; /* owned; to be written to; NULL when it is not open */

        char *text; /* owned */
        size_t length, allocated;
} TextStream;

int text_stream_open(TextStream *s);

/* Closes it, whatever comes of it, and gives the text, which the caller owns; -ENOMEM if any of it
 * had no room. */
int text_stream_close(TextStream *s, char **ret);

void text_stream_done(TextStream *s);
