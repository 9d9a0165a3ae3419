/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>

/* At first: one record. */
#define ALLOCATED_MIN 1024

#define U64_DIGITS_MAX 20

bool buffer_grow(Buffer *buffer, size_t more)
{
        size_t size, twice;
        char *data;

        if (buffer->failed || __builtin_add_overflow(buffer->size, more, &size) ||
            __builtin_mul_overflow(buffer->allocated, 2, &twice))
                goto fail;
        if (size < twice)
                size = twice;
        if (size < ALLOCATED_MIN)
                size = ALLOCATED_MIN;
        data = realloc(buffer->data, size);
        if (!data)
                goto fail;

        buffer->data = data;
        buffer->allocated = size;
        return true;

fail:
        buffer->failed = true;
        return false;
}

void buffer_done(Buffer *buffer)
{
        free(buffer->data);
        *buffer = (Buffer){};
}

void buffer_put_u64(Buffer *buffer, uint64_t number)
{
        char digits[U64_DIGITS_MAX], *p = digits + sizeof(digits);

        do {
                *--p = (char)('0' + number % 10);
                number /= 10;
        } while (number > 0);
        buffer_put(buffer, p, (size_t)(digits + sizeof(digits) - p));
}

void buffer_put_i64(Buffer *buffer, int64_t number)
{
        if (number < 0)
                buffer_put_literal(buffer, "-");
        buffer_put_u64(buffer, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

int buffer_end(Buffer *buffer, size_t start)
{
        if (!buffer->failed)
                return 0;

        buffer->failed = false;
        buffer->size = start;
        return -ENOMEM;
}
