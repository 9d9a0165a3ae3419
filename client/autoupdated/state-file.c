/* SPDX-License-Identifier: Apache-2.0 */
#include "state-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "values.h"

/* No state of ours grows to that. */
#define FILE_SIZE_MAX (16 * 1024 * 1024)

#define FILE_NAME        "state.json"
#define FILE_NAME_NEW    "state.json.new"
#define FILE_NAME_BROKEN "state.json.broken"

static int read_all(int fd, char **ret, size_t *ret_length)
{
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX)
                return -EBADMSG;
        text = malloc((size_t)st.st_size + 1);
        if (!text)
                return -ENOMEM;
        while (length < (size_t)st.st_size) {
                ssize_t n = read(fd, text + length, (size_t)st.st_size - length);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t)n;
        }
        text[length] = '\0';

        *ret = TAKE_PTR(text);
        *ret_length = length;
        return 0;
}

int state_file_read(int folder, json_object **ret)
{
        _cleanup_close_ int fd = openat(folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        _cleanup_json_ json_object *root = NULL;
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        int r;

        if (fd < 0)
                return -errno;
        r = read_all(fd, &text, &length);
        if (r < 0)
                return r;
        r = value_parse(text, length, &root);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !json_object_is_type(root, json_type_object))
                return -EBADMSG;

        *ret = TAKE_PTR(root);
        return 0;
}

static int write_all(int fd, const char *text, size_t length)
{
        while (length > 0) {
                ssize_t n = write(fd, text, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                length -= (size_t)n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

int state_file_write(int folder, json_object *root)
{
        _cleanup_close_ int fd = -1;
        const char *text;
        size_t length;
        int r;

        text = json_object_to_json_string_length(root, JSON_C_TO_STRING_PRETTY, &length);
        if (!text)
                return -ENOMEM;
        fd = openat(folder, FILE_NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, length);
        if (r < 0)
                return r;
        if (renameat(folder, FILE_NAME_NEW, folder, FILE_NAME) < 0 || fsync(folder) < 0)
                return -errno;
        return 0;
}

int state_file_set_aside(int folder)
{
        return renameat(folder, FILE_NAME, folder, FILE_NAME_BROKEN) < 0 ? -errno : 0;
}
