/* SPDX-License-Identifier: Apache-2.0 */
#include "text-stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* Most texts are a line or some. */
#define ALLOCATED_FIRST ((size_t)256)

/* Room for more bytes, and a NUL. */
static int grow(TextStream *s, size_t more)
{
        size_t size = s->allocated ?: ALLOCATED_FIRST, needed;
        char *grown;

        if (__builtin_add_overflow(s->length, more, &needed) || ++needed == 0)
                return -ENOMEM;
        while (size < needed)
                if (__builtin_mul_overflow(size, 2, &size))
                        return -ENOMEM;
        if (size <= s->allocated)
                return 0;
        grown = realloc(s->text, size);
        if (!grown)
                return -ENOMEM;
        s->text = grown;
        s->allocated = size;
        return 0;
}

/* Of less than all the stream keeps in mind that it failed. */
static ssize_t take(void *cookie, const char *bytes, size_t length)
{
        TextStream *s = cookie;

        if (grow(s, length) < 0)
                return 0;
        memcpy(s->text + s->length, bytes, length);
        s->length += length;
        return (ssize_t)length;
}

int text_stream_open(TextStream *s)
{
        *s = (TextStream){};
        s->file = fopencookie(s, "w", (cookie_io_functions_t){ .write = take });
        return s->file ? 0 : -ENOMEM;
}

int text_stream_close(TextStream *s, char **ret)
{
        int failed = ferror(s->file); /* fclose() tells of the last bytes alone */

        if (fclose(TAKE_PTR(s->file)) != 0 || failed || grow(s, 0) < 0) {
                text_stream_done(s);
                return -ENOMEM;
        }
        s->text[s->length] = '\0';
        *ret = TAKE_PTR(s->text);
        return 0;
}

void text_stream_done(TextStream *s)
{
        if (s->file)
                (void)fclose(s->file);
        free(s->text);
        *s = (TextStream){};
}
