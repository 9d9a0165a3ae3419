/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/podman-loss.h"

/* So many turns in a row without news from inotify, and there are none. */
#define QUIET_TURNS 3

int podman_file_init(PodmanFile *file, sd_event *loop, const char *path,
                     void (*callback)(PathChange change, void *userdata), void *userdata)
{
        int r;

        *file = (PodmanFile){ .fd = -1, .path = strdup(path) };
        if (!file->path)
                return -ENOMEM;
        r = path_watch_new(loop, path, callback, userdata, &file->watch);
        if (r < 0)
                return r;

        return line_reader_init(&file->reader, -1, 0, PODMAN_LINE_MAX);
}

void podman_file_done(PodmanFile *file)
{
        path_watch_free(file->watch);
        podman_file_close(file);
        line_reader_done(&file->reader);
        free(file->path);
}

int podman_file_open(PodmanFile *file)
{
        struct stat st;

        file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (file->fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                podman_file_close(file);
                return -EINVAL;
        }
        file->uid = st.st_uid;
        return 1;
}

void podman_file_close(PodmanFile *file)
{
        if (file->fd >= 0)
                close(TAKE_FD(file->fd));
}

void podman_file_begin(PodmanFile *file, uint64_t offset)
{
        file->change = PATH_WRITTEN;
        file->n_moved = file->n_quiet = 0;
        file->was_drained = false;
        line_reader_seek(&file->reader, file->fd, offset);
}

void podman_file_note(PodmanFile *file, PathChange change)
{
        if (change > file->change)
                file->change = change;
        file->n_moved += change == PATH_MOVED;
}

int podman_file_is_replaced(const PodmanFile *file)
{
        struct stat st, open_st;

        if (file->change == PATH_WRITTEN)
                return 0;
        if (fstat(file->fd, &open_st) < 0)
                return -errno;
        if (stat(file->path, &st) < 0)
                return errno == ENOENT || errno == ENOTDIR ? 1 : -errno;
        return st.st_ino != open_st.st_ino || st.st_dev != open_st.st_dev;
}

/* It tells one thing a turn of the loop, and a turn of ours may come before what was polled
 * together with it. */
bool podman_file_is_told(PodmanFile *file)
{
        uint64_t n_told = path_watch_count(file->watch);

        if (n_told != file->n_told) {
                file->n_told = n_told;
                file->n_quiet = 0;
        }
        return ++file->n_quiet > QUIET_TURNS;
}

int podman_file_is_truncated(const PodmanFile *file, const PodmanPlace *place)
{
        struct stat st;
        int r;

        if (fstat(file->fd, &st) < 0)
                return -errno;
        if ((uint64_t)st.st_size < file->reader.offset)
                return 1;
        r = podman_place_holds(file->fd, place);
        return r < 0 ? r : !r;
}

void podman_file_leave(PodmanFile *file)
{
        file->kept_some = podman_rotation_keeps_some(file->fd, file->reader.offset);
        file->was_drained = true;
        podman_file_close(file);
}

void podman_file_settle(PodmanFile *file)
{
        file->change = PATH_WRITTEN;
        file->n_moved = 0;
}
