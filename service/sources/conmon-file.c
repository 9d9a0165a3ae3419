/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

#define ID_LENGTH 64

/* The longest is "-2147483648": more is no number of conmon's. */
#define NUMBER_MAX 16

#define CODE_MIN (-1)
#define CODE_MAX 255

bool conmon_is_id(const char *name)
{
        return strspn(name, "0123456789abcdef") == ID_LENGTH && name[ID_LENGTH] == '\0';
}

static int read_number(int folder, const char *name, int32_t *ret, struct stat *ret_stat)
{
        _cleanup_close_ int fd = -1;
        char text[NUMBER_MAX + 1];
        struct stat st;
        int32_t number;
        ssize_t n;

        fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        n = read(fd, text, NUMBER_MAX);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        if (n == NUMBER_MAX || strlen(text) != (size_t)n || parse_i32(text, &number) < 0)
                return -EBADMSG;

        *ret = number;
        *ret_stat = st;
        return 0;
}

int conmon_file_read_code(int folder, const char *name, int32_t *ret_code, uint64_t *ret_nsec)
{
        struct stat st = {};
        int32_t code = CODE_MIN;
        int r;

        r = read_number(folder, name, &code, &st);
        if (r < 0)
                return r;
        if (code < CODE_MIN || code > CODE_MAX || st.st_mtim.tv_sec < 0 ||
            (uint64_t)st.st_mtim.tv_sec >= UINT64_MAX / UINT64_C(1000000000))
                return -EBADMSG;

        *ret_code = code;
        *ret_nsec =
                (uint64_t)st.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st.st_mtim.tv_nsec;
        return 0;
}

int conmon_file_read_pid(int folder, const char *name, pid_t *ret)
{
        struct stat st;
        int32_t pid = 0;
        int r;

        r = read_number(folder, name, &pid, &st);
        if (r < 0)
                return r;
        if (pid <= 0)
                return -EBADMSG;

        *ret = pid;
        return 0;
}
