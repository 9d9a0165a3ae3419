/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Buffer: bytes that grow at their end. A writer need not look at each step: what finds no memory
 * leaves the buffer failed, and buffer_end() says so and takes back what was written since.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Buffer {
        char *data; /* owned; NULL as long as nothing was put */
        size_t size, allocated;
        bool failed;
} Buffer;

/* Room for more bytes behind the last; false without memory. Only for when there is none yet. */
bool buffer_grow(Buffer *buffer, size_t more);

void buffer_done(Buffer *buffer);

/* Room for as many bytes, which the caller puts there and adds to "size"; NULL without memory. */
static inline char *buffer_room(Buffer *buffer, size_t more)
{
        if (more > buffer->allocated - buffer->size && !buffer_grow(buffer, more))
                return NULL;
        return buffer->data + buffer->size;
}

static inline void buffer_put(Buffer *buffer, const char *bytes, size_t length)
{
        char *p = buffer_room(buffer, length);

        if (!p)
                return;
        memcpy(p, bytes, length);
        buffer->size += length;
}

#define buffer_put_literal(buffer, literal) buffer_put(buffer, "" literal, sizeof(literal) - 1)

/* In base 10. */
void buffer_put_u64(Buffer *buffer, uint64_t number);
void buffer_put_i64(Buffer *buffer, int64_t number);

/* Ends what was begun at the size "start". Returns 0, or -ENOMEM, and then nothing of it is there.
 */
int buffer_end(Buffer *buffer, size_t start);
