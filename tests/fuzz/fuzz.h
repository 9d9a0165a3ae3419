/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the fuzz targets share. A target is tests/fuzz/fuzz-NAME.c; with -Dfuzzing=true libFuzzer
 * calls it, else replay.c with the seeds in tests/data/fuzz-NAME.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, whatever the input. */
#define fuzz_assert(condition)                                                                     \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

/* The input as a string; the caller owns it. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
        char *string = malloc(size + 1);

        fuzz_assert(string);
        memcpy(string, data, size);
        string[size] = '\0';
        return string;
}

/* The input as a file, always the same one: making one takes longer than most of what is tested. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
        static int fd = -1;

        if (fd < 0)
                fd = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_assert(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
        return fd;
}
