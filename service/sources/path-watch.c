/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/path-watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define FOLDER_MASK                                                                                \
        (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF |        \
         IN_MOVE_SELF | IN_ONLYDIR)
#define ANCESTOR_MASK (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define GONE_MASK     (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

struct PathWatch {
        sd_event *loop; /* weak */
        void (*callback)(PathChange change, void *userdata);
        void *userdata;

        char *folder;            /* owned */
        char *name;              /* owned: the last part */
        sd_event_source *source; /* owned */
        bool in_place;           /* it watches the folder itself, not one above it */
        uint64_t n_told;         /* by inotify */
};

int path_watch_new(sd_event *loop, const char *path,
                   void (*callback)(PathChange change, void *userdata), void *userdata,
                   PathWatch **ret)
{
        const char *slash = strrchr(path, '/');
        PathWatch *watch;

        if (path[0] != '/' || slash[1] == '\0')
                return -EINVAL;
        watch = calloc(1, sizeof(PathWatch));
        if (!watch)
                return -ENOMEM;
        *watch = (PathWatch){ .loop = loop, .callback = callback, .userdata = userdata };
        watch->folder = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
        watch->name = strdup(slash + 1);
        if (!watch->folder || !watch->name) {
                path_watch_free(watch);
                return -ENOMEM;
        }

        *ret = watch;
        return 0;
}

PathWatch *path_watch_free(PathWatch *watch)
{
        if (!watch)
                return NULL;

        sd_event_source_disable_unref(watch->source);
        free(watch->folder);
        free(watch->name);
        free(watch);
        return NULL;
}

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
        PathWatch *watch = userdata;

        watch->n_told++;
        if (event->mask & IN_Q_OVERFLOW) {
                /* The worst that may have been missed: more than one move. */
                watch->callback(PATH_MOVED, watch->userdata);
                watch->callback(PATH_MOVED, watch->userdata);
                return 0;
        }
        if (!watch->in_place || (event->mask & GONE_MASK)) {
                watch->callback(path_watch_start(watch) < 0 ? PATH_FAILED : PATH_MADE,
                                watch->userdata);
                return 0;
        }
        if (event->len == 0 || strcmp(event->name, watch->name) != 0)
                return 0;

        watch->callback(event->mask & IN_MOVED_TO ? PATH_MOVED
                        : event->mask & IN_MODIFY ? PATH_WRITTEN
                                                  : PATH_MADE,
                        watch->userdata);
        return 0;
}

static bool is_folder(const char *path)
{
        struct stat st;

        return stat(path, &st) >= 0 && S_ISDIR(st.st_mode);
}

/*
 * Watches the deepest folder of the path that there is. "folder" is a copy of it that is cut down
 * to that; *ret_missing is the length of the first folder that is missing, or 0.
 */
static int watch_nearest(PathWatch *watch, char *folder, size_t *ret_missing)
{
        size_t missing = 0;

        for (;;) {
                char *slash = strrchr(folder, '/');
                int r;

                watch->source = sd_event_source_disable_unref(watch->source);
                r = sd_event_add_inotify(watch->loop, &watch->source, folder,
                                         missing > 0 ? ANCESTOR_MASK : FOLDER_MASK, on_inotify,
                                         watch);
                if (r >= 0) {
                        *ret_missing = missing;
                        return 0;
                }
                if ((r != -ENOENT && r != -ENOTDIR) || slash[1] == '\0')
                        return r;
                missing = strlen(folder);
                slash[slash == folder] = '\0';
        }
}

int path_watch_start(PathWatch *watch)
{
        size_t missing;

        /* The missing folder may have been made before the watch on the one above it was there. */
        do {
                _cleanup_free_ char *folder = strdup(watch->folder);
                int r;

                if (!folder)
                        return -ENOMEM;
                r = watch_nearest(watch, folder, &missing);
                if (r < 0)
                        return r;
                if (missing > 0) {
                        memcpy(folder, watch->folder, missing);
                        folder[missing] = '\0';
                        if (is_folder(folder))
                                continue;
                }
                watch->in_place = missing == 0;
                return 0;
        } while (true);
}

uint64_t path_watch_count(const PathWatch *watch)
{
        return watch->n_told;
}
