/* SPDX-License-Identifier: Apache-2.0 */
#include "environment-folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "text-format.h"

/* An event has 64 KiB, and escaping makes no more than four times that of it. */
#define TEXT_MAX (1024 * 1024)

struct EnvironmentFolder {
        int fd;
};

EnvironmentFolder *environment_folder_close(EnvironmentFolder *folder)
{
        if (!folder)
                return NULL;
        if (folder->fd >= 0)
                close(folder->fd);
        free(folder);
        return NULL;
}

int environment_folder_open(const char *path, EnvironmentFolder **ret)
{
        EnvironmentFolder *folder = calloc(1, sizeof(EnvironmentFolder));
        int r;

        if (!folder)
                return -ENOMEM;
        folder->fd = -1;
        r = folder_open(path, &folder->fd);
        if (r < 0) {
                environment_folder_close(folder);
                return r;
        }
        *ret = folder;
        return 0;
}

int environment_folder_write(EnvironmentFolder *folder, const char *file, const char *unit,
                             const char *text)
{
        _cleanup_free_ char *all = NULL;

        if (text_format(&all, "# %s\n%s", unit, text) < 0)
                return -ENOMEM;
        /* It lives as long as the machine does not boot again. */
        return file_replace(folder->fd, file, all, false);
}

void environment_folder_remove(EnvironmentFolder *folder, const char *file)
{
        (void)unlinkat(folder->fd, file, 0);
}

typedef struct Visit {
        EnvironmentFolder *folder;
        int (*each)(const char *file, const char *unit, void *userdata);
        void *userdata;
} Visit;

static int visit_file(const char *file, void *userdata)
{
        Visit *visit = userdata;
        _cleanup_free_ char *text = NULL;
        char *end;
        int r;

        r = file_read(visit->folder->fd, file, TEXT_MAX, &text);
        if (r == -ENOMEM)
                return r;
        end = r >= 0 && strncmp(text, "# ", 2) == 0 ? strchr(text, '\n') : NULL;
        if (!end) {
                environment_folder_remove(visit->folder, file);
                return 0;
        }
        *end = '\0';
        return visit->each(file, text + 2, visit->userdata);
}

int environment_folder_for_each(EnvironmentFolder *folder,
                                int (*each)(const char *file, const char *unit, void *userdata),
                                void *userdata)
{
        Visit visit = { .folder = folder, .each = each, .userdata = userdata };

        return folder_for_each(folder->fd, visit_file, &visit);
}
