/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/conmon-look.h"
#include "sources/path-watch.h"

/* Before everything else that the loop has to do: an exit file is there for some 60 ms. */
#define WATCH_PRIORITY SD_EVENT_PRIORITY_IMPORTANT

/*
 * Whoever can make files in a container's folder can make inotify talk without an end, and all else
 * would wait. So much is taken at a time, and after so many times within the interval the others
 * have the rest of it: an exit file still waits for less than a third of its life.
 */
#define BUFFER_SIZE   (16 * 1024)
#define BURST         16
#define INTERVAL_USEC 20000

/* How soon it is tried again when there was no memory, or no watch, left: twice as late each time,
 * for a look at all there is is some work. */
#define RETRY_USEC     UINT64_C(5000000)
#define RETRY_USEC_MAX UINT64_C(300000000)

/* A root, and what waits for it while it is not there. */
typedef struct Root {
        ConmonWatch *watch;   /* weak */
        ConmonFolder *folder; /* owned by the look */
        PathWatch *wait;      /* owned */
} Root;

struct ConmonWatch {
        ConmonLook look;
        Root graphroot, exits;
        int fd;                  /* owned: inotify */
        bool was_kept;           /* it has heard what happened while we were away */
        sd_event_source *source; /* owned */
        sd_event_source *retry;  /* owned */
        uint64_t retry_usec;     /* until the next */
        bool is_busy;            /* the listener is being told something */
};

/* ---- roots ---- */

static void attach(Root *root, bool again)
{
        ConmonLook *look = &root->watch->look;
        ConmonFolder *folder = root->folder;
        _cleanup_close_ int fd = conmon_folder_open(folder);
        struct stat st = {};

        if (fd < 0 || fstat(fd, &st) < 0)
                st = (struct stat){};
        if (folder->device != st.st_dev || folder->inode != st.st_ino) {
                conmon_look_empty(look, folder);
                conmon_folder_unwatch(&look->folders, folder);
                folder->device = st.st_dev;
                folder->inode = st.st_ino;
                again = true;
        }
        if (again && st.st_ino != 0)
                conmon_look_into(look, folder, fd);
}

static void attach_both(ConmonWatch *watch, bool again)
{
        attach(&watch->graphroot, again);
        attach(&watch->exits, again);
}

/* Arms the timer if something could not be watched that may be watched later. */
static void retry_if_starved(ConmonWatch *watch)
{
        int enabled;

        if (!watch->look.starved || sd_event_source_get_enabled(watch->retry, &enabled) != 0)
                return;
        sd_event_source_set_time_relative(watch->retry, watch->retry_usec);
        sd_event_source_set_enabled(watch->retry, SD_EVENT_ONESHOT);
}

/* What still fails is said again behind it. */
static void tell_missed(ConmonWatch *watch)
{
        watch->look.listener.missed(watch->look.listener.userdata);
        watch->look.told = false;
}

static void look_anew(ConmonWatch *watch)
{
        tell_missed(watch);
        watch->look.was_there = true;
        attach_both(watch, true);
        watch->look.was_there = false;
}

static void on_wait(PathChange change, void *userdata)
{
        Root *root = userdata;

        root->watch->is_busy = true;
        if (change == PATH_FAILED)
                conmon_look_failed(&root->watch->look, root->folder, -EIO);
        attach(root, false);
        root->watch->is_busy = false;
        retry_if_starved(root->watch);
}

static void wait_for(Root *root)
{
        int r;

        r = path_watch_start(root->wait);
        if (r < 0)
                conmon_look_failed(&root->watch->look, root->folder, r);
}

static int root_init(Root *root, ConmonWatch *watch, ConmonFolderKind kind, const char *path)
{
        int r;

        *root = (Root){ .watch = watch };
        r = path_watch_new(watch->look.loop, path, on_wait, root, &root->wait);
        return r < 0 ? r : conmon_folder_new(&watch->look.folders, NULL, kind, path, &root->folder);
}

static void root_done(Root *root)
{
        path_watch_free(root->wait);
        conmon_folder_free(&root->watch->look.folders, root->folder);
}

/* ---- inotify ---- */

static void on_root(ConmonWatch *watch, ConmonFolder *folder)
{
        Root *root = folder == watch->exits.folder ? &watch->exits : &watch->graphroot;

        /* Another folder may have got the same number. */
        if (folder->wd < 0)
                folder->inode = 0;
        attach(root, false);
}

static void on_event(ConmonWatch *watch, const struct inotify_event *event)
{
        ConmonFolders *folders = &watch->look.folders;
        bool is_folder = event->mask & IN_ISDIR;
        ConmonFolder *folder;

        if (event->mask & IN_Q_OVERFLOW) {
                look_anew(watch);
                return;
        }
        /* One that is gone, or that was watched before a restart and is gone since. */
        folder = conmon_folder_by_wd(folders, event->wd);
        if (!folder)
                return;
        if (event->mask & IN_IGNORED)
                conmon_folder_ignored(folders, folder);
        if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
                if (!folder->parent)
                        on_root(watch, folder);
                return;
        }
        if (event->len == 0)
                return;
        if (event->mask & (IN_DELETE | IN_MOVED_FROM))
                conmon_look_went(&watch->look, folder, event->name, is_folder);
        else if (is_folder || (event->mask & (IN_MOVED_TO | IN_CLOSE_WRITE)))
                conmon_look_came(&watch->look, folder, event->name, is_folder);
}

/* Returns how much was read, 0 for nothing. */
static size_t read_some(ConmonWatch *watch)
{
        char buffer[BUFFER_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
        const struct inotify_event *event;
        ssize_t n;

        n = read(watch->fd, buffer, sizeof(buffer));
        if (n <= 0)
                return 0;
        for (const char *p = buffer; p < buffer + n; p += sizeof(*event) + event->len) {
                event = (const struct inotify_event *)p;
                on_event(watch, event);
        }
        return (size_t)n;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        ConmonWatch *watch = userdata;

        watch->is_busy = true;
        (void)read_some(watch);
        watch->is_busy = false;
        retry_if_starved(watch);
        return 0;
}

/* As much as there is now: others may go on writing while we read. */
static void read_all(ConmonWatch *watch)
{
        int waiting = 0;
        size_t n = 1;

        if (ioctl(watch->fd, FIONREAD, &waiting) < 0)
                return;
        for (size_t left = (size_t)waiting; left > 0 && n > 0; left -= n < left ? n : left)
                n = read_some(watch);
}

void conmon_watch_drain(ConmonWatch *watch)
{
        if (watch->is_busy || !watch->source)
                return;

        watch->is_busy = true;
        read_all(watch);
        /* What is mounted over a folder, inotify does not tell; nor may the loop have told us yet
         * that a folder was made. */
        watch->look.was_there = true;
        attach_both(watch, false);
        watch->look.was_there = false;
        watch->is_busy = false;
        retry_if_starved(watch);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        ConmonWatch *watch = userdata;

        watch->is_busy = true;
        watch->look.starved = false;
        look_anew(watch);
        if (!watch->look.starved)
                watch->retry_usec = RETRY_USEC;
        else if (watch->retry_usec < RETRY_USEC_MAX)
                watch->retry_usec *= 2;
        watch->is_busy = false;
        retry_if_starved(watch);
        return 0;
}

/* ---- life ---- */

/* A descriptor that was handed to us may be anything. */
static bool is_inotify(int fd)
{
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)], target[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
                return false;
        target[n] = '\0';
        return strcmp(target, "anon_inode:inotify") == 0 &&
               fcntl(fd, F_SETFL, O_RDONLY | O_NONBLOCK) >= 0;
}

static size_t processes_max(void)
{
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur / 4 > CONMON_PROCESSES_MAX)
                return CONMON_PROCESSES_MAX;
        return (size_t)files.rlim_cur / 4;
}

static int make_inotify(ConmonWatch *watch, int kept_fd)
{
        watch->was_kept = kept_fd >= 0 && is_inotify(kept_fd);
        if (watch->was_kept)
                watch->fd = kept_fd;
        else if (kept_fd >= 0)
                close(kept_fd);
        if (watch->fd < 0)
                watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (watch->fd < 0)
                return -errno;

        watch->look.folders.inotify = watch->fd;
        return 0;
}

static char *without_slashes(const char *path)
{
        char *copy = strdup(path);

        for (size_t n = copy ? strlen(copy) : 0; n > 1 && copy[n - 1] == '/'; n--)
                copy[n - 1] = '\0';
        return copy;
}

static int make_roots(ConmonWatch *watch, const char *graphroot, const char *tmp_dir)
{
        _cleanup_free_ char *storage = without_slashes(graphroot), *exits = NULL;
        int r;

        watch->look.tmp_dir = without_slashes(tmp_dir);
        if (!storage || !watch->look.tmp_dir ||
            asprintf(&exits, "%s/exits", watch->look.tmp_dir) < 0) {
                exits = NULL;
                return -ENOMEM;
        }
        if (storage[0] != '/' || exits[0] != '/')
                return -EINVAL;
        r = root_init(&watch->graphroot, watch, CONMON_GRAPHROOT, storage);
        return r < 0 ? r : root_init(&watch->exits, watch, CONMON_EXITS, exits);
}

int conmon_watch_new(sd_event *loop, const char *graphroot, const char *tmp_dir, int kept_fd,
                     const ConmonListener *listener, ConmonWatch **ret)
{
        _cleanup_(conmon_watch_freep) ConmonWatch *watch = NULL;
        int r;

        watch = calloc(1, sizeof(ConmonWatch));
        if (!watch) {
                if (kept_fd >= 0)
                        close(kept_fd);
                return -ENOMEM;
        }
        watch->fd = -1;
        watch->retry_usec = RETRY_USEC;
        watch->look = (ConmonLook){ .loop = loop,
                                    .listener = *listener,
                                    .folders.inotify = -1,
                                    .processes_max = processes_max() };
        watch->graphroot.watch = watch->exits.watch = watch;
        if ((r = make_inotify(watch, kept_fd)) < 0 ||
            (r = make_roots(watch, graphroot, tmp_dir)) < 0 ||
            (r = sd_event_add_time_relative(loop, &watch->retry, CLOCK_MONOTONIC, RETRY_USEC, 0,
                                            on_retry, watch)) < 0 ||
            (r = sd_event_source_set_enabled(watch->retry, SD_EVENT_OFF)) < 0)
                return r;

        watch->look.graphroot = watch->graphroot.folder;
        watch->look.exits = watch->exits.folder;
        *ret = TAKE_PTR(watch);
        return 0;
}

ConmonWatch *conmon_watch_free(ConmonWatch *watch)
{
        if (!watch)
                return NULL;

        sd_event_source_disable_unref(watch->source);
        sd_event_source_disable_unref(watch->retry);
        /* Whoever keeps the descriptor for the next of us keeps what it watches. */
        watch->look.folders.inotify = -1;
        root_done(&watch->graphroot);
        root_done(&watch->exits);
        if (watch->fd >= 0)
                close(watch->fd);
        free(watch->look.tmp_dir);
        free(watch);
        return NULL;
}

/*
 * What waits in a descriptor that was kept comes first, so that sessions are told in the order in
 * which they were made; for that the folders above them must be known again, by the numbers that
 * they had.
 */
static void take_up(ConmonWatch *watch)
{
        ConmonLook *look = &watch->look;

        look->settling = look->was_there = true;
        attach_both(watch, true);
        if (look->unseen)
                tell_missed(watch);
        look->unseen = look->was_there = false;
        read_all(watch);
        look->settling = false;
        if (look->unseen)
                tell_missed(watch);
        look->was_there = true;
        attach_both(watch, true);
        look->was_there = false;
}

int conmon_watch_start(ConmonWatch *watch)
{
        int r;

        if ((r = sd_event_add_io(watch->look.loop, &watch->source, watch->fd, EPOLLIN, on_readable,
                                 watch)) < 0 ||
            (r = sd_event_source_set_priority(watch->source, WATCH_PRIORITY)) < 0 ||
            (r = sd_event_source_set_ratelimit(watch->source, INTERVAL_USEC, BURST)) < 0)
                return r;

        watch->is_busy = true;
        wait_for(&watch->graphroot);
        wait_for(&watch->exits);
        if (watch->was_kept)
                take_up(watch);
        else
                look_anew(watch);
        watch->is_busy = false;
        retry_if_starved(watch);
        return 0;
}

int conmon_watch_fd(const ConmonWatch *watch)
{
        return watch->fd;
}
