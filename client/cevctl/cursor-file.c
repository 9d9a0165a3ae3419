/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor-file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "text-format.h"

/* Far more than a cursor has. */
#define SIZE_MAX_BYTES 256

int cursor_file_read(const char *path, char **ret)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char text[SIZE_MAX_BYTES], *end;
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';

        end = strchr(text, '\n') ?: text + n;
        if (end == text || (size_t)n == sizeof(text) - 1)
                return -EINVAL;
        *end = '\0';
        /* "EPOCH:SEQ" today; of whatever else one may become, it will be one printable word. */
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p > '~')
                        return -EINVAL;

        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int write_line(int fd, const char *cursor)
{
        if (dprintf(fd, "%s\n", cursor) < 0 || fdatasync(fd) < 0)
                return -errno;
        return 0;
}

int cursor_file_write(const char *path, const char *cursor)
{
        _cleanup_free_ char *new = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (text_format(&new, "%s.new", path) < 0)
                return -ENOMEM;

        /* What a crash left behind goes; what anybody else put there is not followed. */
        (void)unlink(new);
        fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
                return -errno;
        r = write_line(fd, cursor);
        if (r >= 0 && rename(new, path) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(new);
        return r;
}

int cursor_file_check(const char *path)
{
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        return faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}
