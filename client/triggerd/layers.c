/* SPDX-License-Identifier: Apache-2.0 */
#include "layers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"

#define SUBPATH "/containers-events/triggers.d"

/* The highest first. */
static const char *const folders[] = {
        CONFIG_DIR "/triggers.d",
        "/run" SUBPATH,
        LIB_DIR SUBPATH,
};

/* A trigger of a few lines has a few hundred bytes; a core dump by that name has not to be read. */
#define FILE_SIZE_MAX ((size_t)64 * 1024)

static void closedirp(DIR **d)
{
        if (*d)
                (void)closedir(*d);
}

static bool has_name(const LayeredFiles *f, const char *name)
{
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->files[i].name, name) == 0)
                        return true;
        return false;
}

static bool is_ours(const char *name, const char *suffix)
{
        size_t length = strlen(name), suffix_length = strlen(suffix);

        return *name != '.' && length > suffix_length &&
               strcmp(name + length - suffix_length, suffix) == 0;
}

static int add(LayeredFiles *f, const char *folder, const char *name)
{
        LayeredFile *grown;
        LayeredFile file;

        if (f->n >= LAYERED_FILES_MAX)
                return -E2BIG;
        grown = reallocarray(f->files, f->n + 1, sizeof(LayeredFile));
        if (!grown)
                return -ENOMEM;
        f->files = grown;
        file.name = strdup(name);
        if (!file.name)
                return -ENOMEM;
        if (asprintf(&file.path, "%s/%s", folder, name) < 0) {
                free(file.name);
                return -ENOMEM;
        }
        f->files[f->n++] = file;
        return 0;
}

static int list_folder(LayeredFiles *f, const char *folder, const char *suffix)
{
        _cleanup_(closedirp) DIR *d = opendir(folder);
        struct dirent *entry;
        int r;

        if (!d)
                return errno == ENOENT ? 0 : -errno;
        for (;;) {
                errno = 0;
                entry = readdir(d);
                if (!entry)
                        return -errno;
                if (!is_ours(entry->d_name, suffix) || has_name(f, entry->d_name))
                        continue;
                r = add(f, folder, entry->d_name);
                if (r < 0)
                        return r;
        }
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const LayeredFile *)a)->name, ((const LayeredFile *)b)->name);
}

int layered_files_list(const char *root, const char *subfolder, const char *suffix,
                       LayeredFiles *ret, char **ret_where)
{
        LayeredFiles f = {};

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                char *folder;
                int r;

                if (asprintf(&folder, "%s%s%s%s", root, folders[i], *subfolder ? "/" : "",
                             subfolder) < 0) {
                        layered_files_done(&f);
                        return -ENOMEM;
                }
                r = list_folder(&f, folder, suffix);
                if (r < 0) {
                        layered_files_done(&f);
                        *ret_where = folder;
                        return r;
                }
                free(folder);
        }
        if (f.n > 0)
                qsort(f.files, f.n, sizeof(LayeredFile), compare);
        *ret = f;
        return 0;
}

void layered_files_done(LayeredFiles *f)
{
        for (size_t i = 0; i < f->n; i++) {
                free(f->files[i].name);
                free(f->files[i].path);
        }
        free(f->files);
        *f = (LayeredFiles){};
}

static bool is_null(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static int read_all(int fd, char **ret_text, size_t *ret_length)
{
        _cleanup_free_ char *text = malloc(FILE_SIZE_MAX + 1);
        size_t length = 0;
        ssize_t n;

        if (!text)
                return -ENOMEM;
        do {
                n = read(fd, text + length, FILE_SIZE_MAX + 1 - length);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        length += (size_t)n;
        } while (n != 0 && length <= FILE_SIZE_MAX);
        if (length > FILE_SIZE_MAX)
                return -EFBIG;
        text[length] = '\0';
        *ret_length = length;
        *ret_text = TAKE_PTR(text);
        return length > 0;
}

int layered_file_read(const char *path, char **ret_text, size_t *ret_length)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* Looked at first: opening a device can do things. */
        if (stat(path, &st) < 0)
                return -errno;
        if (is_null(&st))
                return 0;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        return read_all(fd, ret_text, ret_length);
}
