/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Faults: what changes files is counted by functions that stand before those of the C library; from
 * a certain one on some fail, or all, as they would after a crash: then what is on the disk is what
 * the ones before made of it.
 */

#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define HISTORY_SYNCS
#include "history.h"

typedef struct Faults {
        unsigned first; /* the number of the first operation that fails; 0: none does */
        unsigned n;     /* how many fail */
        int error;
        char only;     /* count only these operations, see trace; 0: all */
        bool torn;     /* a write that fails has written a half */
        bool unsynced; /* a sync that fails leaves zeros where was written last */
} Faults;

static Faults faults;
static unsigned n_operations;
static bool suspended; /* somebody only looks */

static struct {
        int fd;
        off_t offset;
        size_t length;
} last_write;

/* The operations that were done, a letter each: open, write, sync, rename, cut, unlink. */
static char trace[256];

static bool is_fault(char operation)
{
        if (suspended)
                return false;
        if (n_operations < sizeof(trace) - 1)
                trace[n_operations] = operation;
        if (faults.only && operation != faults.only)
                return false;
        n_operations++;
        if (faults.first == 0 || n_operations < faults.first ||
            n_operations - faults.first >= faults.n)
                return false;
        errno = faults.error;
        return true;
}

int openat(int folder, const char *path, int flags, ...)
{
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
        va_end(args);
        if (is_fault('o'))
                return -1;
        return (int)syscall(SYS_openat, folder, path, flags, mode);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
        bool fault = is_fault('w');

        if (fault && !faults.torn)
                return -1;
        last_write.fd = fd;
        last_write.offset = offset;
        last_write.length = fault ? length / 2 : length;
        if (syscall(SYS_pwrite64, fd, bytes, last_write.length, offset) < 0)
                return -1;
        if (fault)
                errno = faults.error;
        return fault ? -1 : (ssize_t)length;
}

static bool data_sync_fails;

static int sync_or_fail(int fd)
{
        static const char zeros[64 * 1024];

        if (!is_fault('s'))
                return 0;
        if (faults.unsynced && fd == last_write.fd) {
                must(last_write.length < sizeof(zeros));
                syscall(SYS_pwrite64, fd, zeros, last_write.length, last_write.offset);
                errno = faults.error;
        }
        return -1;
}

int fsync(int fd)
{
        return sync_or_fail(fd);
}

int fdatasync(int fd)
{
        if (data_sync_fails) {
                errno = EIO;
                return -1;
        }
        return sync_or_fail(fd);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
        return is_fault('r') ? -1
                             : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
        return is_fault('r') ? -1
                             : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int ftruncate(int fd, off_t length)
{
        return is_fault('c') ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int unlinkat(int folder, const char *path, int flags)
{
        return is_fault('u') ? -1 : (int)syscall(SYS_unlinkat, folder, path, flags);
}

static inline void faults_start(Faults with)
{
        faults = with;
        n_operations = 0;
        memset(trace, 0, sizeof(trace));
        last_write.fd = -1;
}

static inline void faults_stop(void)
{
        faults = (Faults){ .error = faults.error };
}
