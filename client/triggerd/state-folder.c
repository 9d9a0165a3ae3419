/* SPDX-License-Identifier: Apache-2.0 */
#include "state-folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "text-format.h"

/* The text of the most entries that there can be takes less than a quarter of it. */
#define SIZE_MAX_BYTES (256 * 1024)

struct StateFolder {
        int fd;
        char *path; /* owned */
};

StateFolder *state_folder_close(StateFolder *folder)
{
        if (!folder)
                return NULL;
        if (folder->fd >= 0)
                close(folder->fd);
        free(folder->path);
        free(folder);
        return NULL;
}

const char *state_folder_get_path(const StateFolder *folder)
{
        return folder->path;
}

int state_folder_open(const char *path, StateFolder **ret)
{
        StateFolder *folder = calloc(1, sizeof(StateFolder));
        int r;

        if (!folder)
                return -ENOMEM;
        folder->fd = -1;
        folder->path = strdup(path);
        r = folder->path ? folder_open(path, &folder->fd) : -ENOMEM;
        if (r < 0) {
                state_folder_close(folder);
                return r;
        }
        *ret = folder;
        return 0;
}

static int make_name(const char *trigger, char **ret)
{
        return text_format(ret, "%s" STATE_SUFFIX, trigger);
}

int state_folder_load(StateFolder *folder, const char *trigger, Headway **ret)
{
        _cleanup_free_ char *name = NULL, *text = NULL;
        int r;

        r = make_name(trigger, &name);
        if (r >= 0)
                r = file_read(folder->fd, name, SIZE_MAX_BYTES, &text);
        if (r >= 0)
                r = headway_from_text(text, ret);
        return r;
}

int state_folder_store(StateFolder *folder, const char *trigger, const Headway *headway)
{
        _cleanup_free_ char *name = NULL, *text = NULL;
        int r;

        r = make_name(trigger, &name);
        if (r >= 0)
                r = headway_to_text(headway, &text);
        if (r >= 0)
                r = file_replace(folder->fd, name, text, true);
        return r;
}

int state_folder_remove(StateFolder *folder, const char *trigger)
{
        _cleanup_free_ char *name = NULL;
        int r;

        r = make_name(trigger, &name);
        if (r < 0)
                return r;
        return unlinkat(folder->fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

typedef struct Sweep {
        StateFolder *folder;
        bool (*wanted)(const char *trigger, void *userdata);
        void *userdata;
} Sweep;

static int sweep_file(const char *name, void *userdata)
{
        Sweep *sweep = userdata;
        size_t length = strlen(name), suffix = strlen(STATE_SUFFIX);
        _cleanup_free_ char *trigger = NULL;

        if (length <= suffix || strcmp(name + length - suffix, STATE_SUFFIX) != 0)
                return 0;
        trigger = strndup(name, length - suffix);
        if (!trigger)
                return -ENOMEM;
        if (sweep->wanted(trigger, sweep->userdata))
                return 0;
        return unlinkat(sweep->folder->fd, name, 0) < 0 ? -errno : 0;
}

int state_folder_sweep(StateFolder *folder, bool (*wanted)(const char *trigger, void *userdata),
                       void *userdata)
{
        Sweep sweep = { .folder = folder, .wanted = wanted, .userdata = userdata };

        return folder_for_each(folder->fd, sweep_file, &sweep);
}
