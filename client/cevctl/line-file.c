/* SPDX-License-Identifier: Apache-2.0 */
#include "line-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "event-line.h"

struct LineFile {
        FILE *file;   /* owned */
        off_t start;  /* where its lines begin */
        off_t length; /* bytes of them */
        off_t left;   /* of those bytes, not yet read */
        char *line;   /* owned; EVENT_LINE_MAX bytes */
        uint64_t number;
};

LineFile *line_file_free(LineFile *l)
{
        if (!l)
                return NULL;
        if (l->file)
                (void)fclose(l->file);
        free(l->line);
        free(l);
        return NULL;
}

static int copy_all(FILE *from, FILE *to)
{
        char buffer[65536];
        size_t n;

        while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
                if (fwrite(buffer, 1, n, to) != n)
                        return -errno;
        if (ferror(from))
                return -EIO;
        return fflush(to) == 0 ? 0 : -errno;
}

/* A history may be larger than what /tmp holds, which often is memory. */
static FILE *open_spool(void)
{
        const char *folder = getenv("TMPDIR");
        int fd =
                open(folder && *folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        FILE *file;

        if (fd < 0)
                return tmpfile();
        file = fdopen(fd, "w+");
        if (!file)
                (void)close(fd);
        return file;
}

static int spool(LineFile *l)
{
        FILE *copy = open_spool();
        int r;

        if (!copy)
                return -errno;
        r = copy_all(l->file, copy);
        (void)fclose(l->file);
        l->file = copy;
        return r;
}

static FILE *open_path(const char *path)
{
        FILE *file;
        int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                        : open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return NULL;
        file = fdopen(fd, "r");
        if (!file)
                (void)close(fd);
        return file;
}

int line_file_open(const char *path, LineFile **ret)
{
        _cleanup_(line_file_freep) LineFile *l = calloc(1, sizeof(LineFile));
        struct stat st;
        int r;

        if (!l)
                return -ENOMEM;
        l->line = malloc(EVENT_LINE_MAX);
        if (!l->line)
                return -ENOMEM;
        l->file = open_path(path);
        if (!l->file || fstat(fileno(l->file), &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (S_ISREG(st.st_mode)) {
                l->start = lseek(fileno(l->file), 0, SEEK_CUR);
        } else {
                r = spool(l);
                if (r < 0)
                        return r;
                if (fstat(fileno(l->file), &st) < 0)
                        return -errno;
        }
        l->length = st.st_size > l->start ? st.st_size - l->start : 0;
        r = line_file_rewind(l);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

int line_file_rewind(LineFile *l)
{
        if (fseeko(l->file, l->start, SEEK_SET) < 0)
                return -errno;
        l->left = l->length;
        l->number = 0;
        return 0;
}

int line_file_next(LineFile *l, const char **ret, size_t *ret_length)
{
        bool too_long = false;
        size_t n = 0;
        int c = EOF;

        while (l->left > 0 && (c = getc_unlocked(l->file)) != EOF) {
                l->left--;
                if (c == '\n')
                        break;
                if (n < EVENT_LINE_MAX)
                        l->line[n++] = (char)c;
                else
                        too_long = true;
        }
        if (ferror(l->file))
                return -EIO;
        if (n == 0 && c != '\n')
                return 0;
        l->number++;
        if (too_long)
                return -E2BIG;
        *ret = l->line;
        *ret_length = n;
        return 1;
}

uint64_t line_file_number(const LineFile *l)
{
        return l->number;
}
