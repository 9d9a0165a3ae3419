/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

/* What is being made: one at a time. It is no file's name, for those do not begin with a ".". */
#define NEW ".new"

int folder_open(const char *path, int *ret_fd)
{
        int fd;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

static void closedirp(DIR **dir)
{
        if (*dir)
                closedir(*dir);
}

int folder_for_each(int folder, int (*each)(const char *name, void *userdata), void *userdata)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int fd, r;

        /* Of its own, so that it begins at the front each time. */
        fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                close(fd);
                return r;
        }
        while (errno = 0, (entry = readdir(dir))) {
                r = entry->d_name[0] == '.' ? 0 : each(entry->d_name, userdata);
                if (r < 0)
                        return r;
        }
        return -errno;
}

static int read_all(int fd, char *buffer, size_t size)
{
        size_t n = 0;

        while (n < size) {
                ssize_t k = read(fd, buffer + n, size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return 0;
                n += (size_t)k;
        }
        return -EBADMSG;
}

int file_read(int folder, const char *name, size_t size_max, char **ret)
{
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *buffer = NULL;
        struct stat st;
        int r;

        /* What blocks when it is opened is none of ours. */
        fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < 0 || (size_t)st.st_size > size_max)
                return -EBADMSG;
        /* Its end is to be met: it does not grow, for it is only ever replaced. */
        buffer = calloc(1, (size_t)st.st_size + 2);
        if (!buffer)
                return -ENOMEM;
        r = read_all(fd, buffer, (size_t)st.st_size + 1);
        if (r < 0)
                return r;
        if (strlen(buffer) != (size_t)st.st_size)
                return -EBADMSG;
        *ret = TAKE_PTR(buffer);
        return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
        while (size > 0) {
                ssize_t k = write(fd, text, size);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                text += k;
                size -= (size_t)k;
        }
        return 0;
}

int file_replace(int folder, const char *name, const char *text, bool durable)
{
        _cleanup_close_ int fd = -1;
        int r;

        /* One that a crash left. */
        if (unlinkat(folder, NEW, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(folder, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (r >= 0 && durable && fdatasync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(folder, NEW, folder, name) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(folder, NEW, 0);
                return r;
        }
        return durable && fsync(folder) < 0 ? -errno : 0;
}
