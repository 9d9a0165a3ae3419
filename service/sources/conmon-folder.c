/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"

/* A root also goes without its parent, which nobody watches here, being told. */
#define ROOT_MASK (IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* Only what is asked of each: files of logs and sockets come and go in the same folders. */
static const uint32_t masks[CONMON_FOLDER_KIND_MAX] = {
        [CONMON_GRAPHROOT] = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | ROOT_MASK,
        [CONMON_DRIVER] = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR,
        [CONMON_CONTAINER] = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR,
        [CONMON_BUNDLE] = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR,
        [CONMON_SESSION] = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR,
        [CONMON_EXIT] = IN_MOVED_TO | IN_ONLYDIR,
        [CONMON_EXITS] = IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | ROOT_MASK,
};

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const ConmonFolder *)a)->name, ((const ConmonFolder *)b)->name);
}

static int compare_wds(const void *a, const void *b)
{
        int left = ((const ConmonFolder *)a)->wd, right = ((const ConmonFolder *)b)->wd;

        return (left > right) - (left < right);
}

static ConmonFolder *make(ConmonFolderKind kind, const char *name)
{
        size_t size = strlen(name) + 1;
        ConmonFolder *folder = calloc(1, sizeof(ConmonFolder) + size);

        if (!folder)
                return NULL;
        folder->kind = kind;
        folder->wd = -1;
        memcpy(folder->name, name, size);
        return folder;
}

int conmon_folder_new(ConmonFolders *folders, ConmonFolder *parent, ConmonFolderKind kind,
                      const char *name, ConmonFolder **ret)
{
        ConmonFolder *folder;

        if (folders->n >= CONMON_FOLDERS_MAX)
                return -ENOBUFS;
        folder = make(kind, name);
        if (!folder || (parent && !tsearch(folder, &parent->by_name, compare_names))) {
                free(folder);
                return -ENOMEM;
        }

        if (parent) {
                folder->parent = parent;
                folder->next = parent->first;
                folder->pointer = &parent->first;
                if (folder->next)
                        folder->next->pointer = &folder->next;
                parent->first = folder;
        }
        folders->n++;
        *ret = folder;
        return 0;
}

ConmonFolder *conmon_folder_free(ConmonFolders *folders, ConmonFolder *folder)
{
        if (!folder)
                return NULL;

        while (folder->first)
                conmon_folder_free(folders, folder->first);
        conmon_folder_unwatch(folders, folder);
        sd_event_source_disable_unref(folder->process);
        if (folder->parent) {
                tdelete(folder, &folder->parent->by_name, compare_names);
                *folder->pointer = folder->next;
                if (folder->next)
                        folder->next->pointer = folder->pointer;
        }
        folders->n--;
        free(folder);
        return NULL;
}

/* tfind() compares with a whole folder; this much of one is enough. */
typedef union Key {
        ConmonFolder folder;
        char bytes[sizeof(ConmonFolder) + NAME_MAX + 1];
} Key;

ConmonFolder *conmon_folder_child(const ConmonFolder *folder, const char *name)
{
        size_t size = strlen(name) + 1;
        void *place;
        Key key;

        if (size > NAME_MAX + 1)
                return NULL;
        memcpy(key.bytes + offsetof(ConmonFolder, name), name, size);
        place = tfind(&key, &folder->by_name, compare_names);
        return place ? *(ConmonFolder **)place : NULL;
}

ConmonFolder *conmon_folder_by_wd(const ConmonFolders *folders, int wd)
{
        const ConmonFolder key = { .wd = wd };
        void *place = tfind(&key, &folders->by_wd, compare_wds);

        return place ? *(ConmonFolder **)place : NULL;
}

int conmon_folder_open_at(int parent, const char *name)
{
        int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int conmon_folder_open(const ConmonFolder *folder)
{
        _cleanup_close_ int parent = -1;

        if (!folder->parent) {
                int fd = open(folder->name, O_PATH | O_DIRECTORY | O_CLOEXEC);

                return fd < 0 ? -errno : fd;
        }
        parent = conmon_folder_open(folder->parent);
        return parent < 0 ? parent : conmon_folder_open_at(parent, folder->name);
}

int conmon_folder_watch(ConmonFolders *folders, ConmonFolder *folder, int fd)
{
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        ConmonFolder *other;
        bool is_new = true;
        int wd;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        wd = inotify_add_watch(folders->inotify, path, masks[folder->kind] | IN_MASK_CREATE);
        if (wd < 0 && errno == EEXIST) {
                is_new = false;
                wd = inotify_add_watch(folders->inotify, path, masks[folder->kind]);
        }
        if (wd < 0)
                return -errno;
        if (wd == folder->wd)
                return 0;
        other = conmon_folder_by_wd(folders, wd);
        if (other)
                return -EEXIST;

        conmon_folder_unwatch(folders, folder);
        folder->wd = wd;
        if (!tsearch(folder, &folders->by_wd, compare_wds)) {
                folder->wd = -1;
                inotify_rm_watch(folders->inotify, wd);
                return -ENOMEM;
        }
        return is_new;
}

void conmon_folder_ignored(ConmonFolders *folders, ConmonFolder *folder)
{
        if (folder->wd < 0)
                return;
        tdelete(folder, &folders->by_wd, compare_wds);
        folder->wd = -1;
}

void conmon_folder_unwatch(ConmonFolders *folders, ConmonFolder *folder)
{
        int wd = folder->wd;

        conmon_folder_ignored(folders, folder);
        if (wd >= 0 && folders->inotify >= 0)
                inotify_rm_watch(folders->inotify, wd);
}
