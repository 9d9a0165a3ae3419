/* SPDX-License-Identifier: Apache-2.0 */
#include "log/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int folder_make(const char *directory)
{
        _cleanup_free_ char *path = strdup(directory);

        if (!path)
                return -ENOMEM;
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return mkdir(path, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

int folder_lock(const char *directory, int *ret_fd)
{
        _cleanup_close_ int fd = -1;

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int folder_list(int directory_fd, DIR **ret)
{
        _cleanup_close_ int fd = -1;
        DIR *folder;

        fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        folder = fdopendir(fd);
        if (!folder)
                return -errno;

        (void)TAKE_FD(fd); /* the folder closes it */
        *ret = folder;
        return 0;
}

static int copy_tail(int from, uint64_t offset, int to)
{
        char piece[16 * 1024];

        for (;;) {
                ssize_t n = pread(from, piece, sizeof(piece), (off_t)offset);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                for (ssize_t done = 0; done < n;) {
                        ssize_t m = write(to, piece + done, (size_t)(n - done));

                        if (m < 0)
                                return -errno;
                        done += m;
                }
                offset += (uint64_t)n;
        }
}

int folder_move_tail(int directory_fd, int fd, uint64_t offset, const char *to_name)
{
        _cleanup_close_ int to = -1;
        int r;

        to = openat(directory_fd, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    0640);
        if (to < 0)
                return -errno;
        r = copy_tail(fd, offset, to);
        if (r >= 0 && fsync(to) < 0)
                r = -errno;
        if (r < 0) {
                unlinkat(directory_fd, to_name, 0);
                return r;
        }

        return ftruncate(fd, (off_t)offset) < 0 || fdatasync(fd) < 0 ? -errno : 0;
}
