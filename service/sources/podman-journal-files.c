/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-journal-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-id128.h>

#include "base/cleanup.h"
#include "base/number.h"

const char *const podman_journal_folders[] = { "/run/log/journal", "/var/log/journal" };

typedef struct File {
        dev_t device;
        ino_t inode;
} File;

typedef struct Files {
        File *files; /* owned */
        size_t n;
} Files;

/* Without an ID of the machine journald does not run: then it is a folder that cannot be. */
int podman_journal_folder(unsigned which, char **ret)
{
        sd_id128_t machine = SD_ID128_NULL;
        char id[SD_ID128_STRING_MAX];

        (void)sd_id128_get_machine(&machine);
        sd_id128_to_string(machine, id);
        return asprintf(ret, "%s/%s", podman_journal_folders[which], id) < 0 ? -ENOMEM : 0;
}

/* All files that are open. */
static int list_open(Files *ret)
{
        _cleanup_closedir_ DIR *folder = opendir("/proc/self/fd");
        _cleanup_free_ File *files = NULL;
        const struct dirent *entry;
        size_t n = 0, n_allocated = 0;

        if (!folder)
                return -errno;
        while ((entry = readdir(folder))) {
                struct stat st;
                uint32_t fd;

                if (parse_u32(entry->d_name, &fd) < 0 || fstat((int)fd, &st) < 0 ||
                    !S_ISREG(st.st_mode))
                        continue;
                if (n == n_allocated) {
                        File *more = reallocarray(files, n_allocated + 64, sizeof(File));

                        if (!more)
                                return -ENOMEM;
                        files = more;
                        n_allocated += 64;
                }
                files[n++] = (File){ .device = st.st_dev, .inode = st.st_ino };
        }

        *ret = (Files){ .files = TAKE_PTR(files), .n = n };
        return 0;
}

static bool is_open(const Files *open, const struct stat *st)
{
        for (size_t i = 0; i < open->n; i++)
                if (open->files[i].device == st->st_dev && open->files[i].inode == st->st_ino)
                        return true;
        return false;
}

static bool ends_with(const char *name, const char *end)
{
        size_t length = strlen(name);

        return length >= strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

static bool starts_with(const char *name, const char *start)
{
        size_t length = strlen(start);

        return strncmp(name, start, length) == 0 && (name[length] == '.' || name[length] == '@');
}

/* "journal~" is what journald has set aside itself; it is read all the same. */
static bool is_of_view(int folder_fd, const char *name, bool user)
{
        char own[32];

        if (!ends_with(name, ".journal") && !ends_with(name, ".journal~"))
                return false;
        if (!user)
                return true;
        snprintf(own, sizeof(own), "user-%lu", (unsigned long)geteuid());
        return (starts_with(name, own) || starts_with(name, "system")) &&
               faccessat(folder_fd, name, R_OK, AT_EACCESS) >= 0;
}

/* How many of the folder are not open. One that is being made is empty. */
static int count_left_out(const char *path, bool user, const Files *open, char ret[static PATH_MAX])
{
        _cleanup_closedir_ DIR *folder = opendir(path);
        const struct dirent *entry;
        int n = 0;

        if (!folder)
                return errno == ENOENT ? 0 : -errno;
        while ((entry = readdir(folder))) {
                struct stat st;

                if (!is_of_view(dirfd(folder), entry->d_name, user) ||
                    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISREG(st.st_mode) || st.st_size == 0 || is_open(open, &st))
                        continue;
                snprintf(ret, PATH_MAX, "%s/%s", path, entry->d_name);
                n++;
        }

        return n;
}

int podman_journal_files_left_out(bool user, char path[static PATH_MAX])
{
        Files open = {};
        int r, n = 0;

        r = list_open(&open);
        for (unsigned i = 0; r >= 0 && i < PODMAN_JOURNAL_FOLDERS; i++) {
                _cleanup_free_ char *folder = NULL;

                r = podman_journal_folder(i, &folder);
                if (r >= 0)
                        r = count_left_out(folder, user, &open, path);
                if (r > 0)
                        n += r;
        }
        free(open.files);
        return r < 0 ? r : n;
}
