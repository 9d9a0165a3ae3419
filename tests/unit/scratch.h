/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A test's own folder: made below $TMPDIR, the working directory while it lasts, and removed with
 * all that is in it. Files are small and read whole. What the tests themselves cannot do ends the
 * program, which then has no plan and counts as failed.
 */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define must(condition)                                                                            \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        printf("# %s:%d: cannot: %s: %m\n", __FILE__, __LINE__, #condition);       \
                        fflush(stdout);                                                            \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

typedef struct Scratch {
        char path[PATH_MAX];
} Scratch;

static inline Scratch scratch_enter(void)
{
        const char *base = getenv("TMPDIR");
        Scratch scratch;

        snprintf(scratch.path, sizeof(scratch.path), "%s/containers-events-XXXXXX",
                 base && *base ? base : "/tmp");
        must(mkdtemp(scratch.path));
        must(chdir(scratch.path) >= 0);
        return scratch;
}

static inline int scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static inline void scratch_leave(Scratch *scratch)
{
        must(chdir("/") >= 0);
        must(nftw(scratch->path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

#define _scratch_ __attribute__((cleanup(scratch_leave), unused))

static inline void file_put(const char *path, const void *bytes, size_t length, int flags)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

        must(fd >= 0);
        must(write(fd, bytes, length) == (ssize_t)length);
}

static inline void file_write(const char *path, const char *text)
{
        file_put(path, text, strlen(text), O_TRUNC);
}

static inline void file_append(const char *path, const char *text)
{
        file_put(path, text, strlen(text), O_APPEND);
}

/* The file with a NUL behind it, or NULL; the caller owns it. */
static inline char *file_read(const char *path, size_t *ret_length)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        char *text;

        if (fd < 0)
                return NULL;
        must(fstat(fd, &st) >= 0);
        text = malloc((size_t)st.st_size + 1);
        must(text && read(fd, text, (size_t)st.st_size) == st.st_size);
        text[st.st_size] = '\0';
        if (ret_length)
                *ret_length = (size_t)st.st_size;
        return text;
}

static inline bool file_exists(const char *path)
{
        return access(path, F_OK) >= 0;
}

/* A file without a name, at its start. */
static inline int file_of(const void *bytes, size_t length)
{
        int fd = memfd_create("test", MFD_CLOEXEC);

        must(fd >= 0);
        must(pwrite(fd, bytes, length, 0) == (ssize_t)length);
        return fd;
}

/* xorshift64*: the same numbers on every machine, so that a failure can be had again. */
static inline uint64_t random_next(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline unsigned random_below(uint64_t *state, unsigned limit)
{
        return (unsigned)(random_next(state) >> 33) % limit;
}
