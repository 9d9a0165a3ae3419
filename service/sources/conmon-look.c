/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/conmon-look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "sources/conmon-file.h"
#include "sources/conmon-session.h"

/* What storage calls the folder of a driver's containers: "overlay-containers", say. */
#define DRIVER_SUFFIX "-containers"

/* ---- what does not work ---- */

/* It may come right when others need less. */
static bool is_want(int error)
{
        return error == -ENOSPC || error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
               error == -ENOBUFS;
}

static bool is_gone(int error)
{
        return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

void conmon_look_failed(ConmonLook *look, const ConmonFolder *folder, int error)
{
        char sentence[512];

        look->starved |= is_want(error);
        if (look->told)
                return;

        look->told = true;
        if (error == -ENOSPC)
                snprintf(sentence, sizeof(sentence),
                         "Not all container folders can be watched: raise the sysctl "
                         "fs.inotify.max_user_watches.");
        else if (error == -ENOBUFS)
                snprintf(sentence, sizeof(sentence),
                         "Not all container folders can be watched: there are more than %d.",
                         CONMON_FOLDERS_MAX);
        else
                snprintf(sentence, sizeof(sentence), "\"%.*s\" cannot be watched: %s.", 256,
                         folder->name, strerror(-error));
        utf8_mend(sentence);
        look->listener.failed(sentence, look->listener.userdata);
}

/* ---- what is gone ---- */

static void drop(ConmonLook *look, ConmonFolder *folder)
{
        conmon_look_empty(look, folder);
        if (folder->kind == CONMON_SESSION)
                conmon_session_gone(look, folder);
        else if (folder->kind == CONMON_CONTAINER)
                look->listener.container_gone(folder->name, look->listener.userdata);
        conmon_folder_free(&look->folders, folder);
}

void conmon_look_empty(ConmonLook *look, ConmonFolder *folder)
{
        while (folder->first)
                drop(look, folder->first);
}

static void drop_what_was_not_found(ConmonLook *look, ConmonFolder *folder)
{
        for (ConmonFolder *child = folder->first, *next; child; child = next) {
                next = child->next;
                if (!child->found)
                        drop(look, child);
        }
}

/* ---- what is there ---- */

static bool ends_with(const char *name, const char *suffix)
{
        size_t length = strlen(name), n = strlen(suffix);

        return length > n && strcmp(name + length - n, suffix) == 0;
}

/* What a name in a folder is to us; CONMON_FOLDER_KIND_MAX: nothing. */
static ConmonFolderKind kind_of(const ConmonFolder *folder, const char *name)
{
        bool is_ours = false;

        switch (folder->kind) {
        case CONMON_GRAPHROOT:
                is_ours = ends_with(name, DRIVER_SUFFIX);
                break;
        case CONMON_DRIVER:
        case CONMON_BUNDLE:
        case CONMON_EXITS:
                is_ours = conmon_is_id(name);
                break;
        case CONMON_CONTAINER:
                is_ours = strcmp(name, "userdata") == 0;
                break;
        case CONMON_SESSION:
                is_ours = strcmp(name, "exit") == 0;
                break;
        default:
                break;
        }
        return is_ours ? folder->kind + 1 : CONMON_FOLDER_KIND_MAX;
}

static bool is_there(int fd, const char *name, mode_t type)
{
        struct stat st;

        return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && (st.st_mode & S_IFMT) == type;
}

/* By conmon in the bundle, since Podman 5.0 also in a folder that outlives it. */
static bool was_out_of_memory(const ConmonLook *look, const char *container)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;

        for (const ConmonFolder *driver = look->graphroot->first; driver; driver = driver->next) {
                const ConmonFolder *folder = conmon_folder_child(driver, container);
                const ConmonFolder *bundle =
                        folder ? conmon_folder_child(folder, "userdata") : NULL;
                _cleanup_close_ int fd = bundle ? conmon_folder_open(bundle) : -1;

                if (fd >= 0 && is_there(fd, "oom", S_IFREG))
                        return true;
        }
        if (asprintf(&path, "%s/persist/%s/oom", look->tmp_dir, container) < 0) {
                path = NULL;
                return false;
        }
        return lstat(path, &st) >= 0 && S_ISREG(st.st_mode);
}

/* A file is told again only when it is another. */
static void read_container_exit(ConmonLook *look, ConmonFolder *file, int fd)
{
        struct stat st;
        uint64_t nsec;
        int32_t code;

        if (fstatat(fd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            conmon_file_read_code(fd, file->name, &code, &nsec) < 0 ||
            (file->inode == st.st_ino && file->nsec == nsec))
                return;

        file->inode = st.st_ino;
        file->nsec = nsec;
        look->listener.container_exited(file->name, code, nsec, was_out_of_memory(look, file->name),
                                        look->listener.userdata);
}

/* "fd" is the folder above, or negative if it is gone already. */
static void came(ConmonLook *look, ConmonFolder *folder, int fd, ConmonFolderKind kind,
                 const char *name)
{
        ConmonFolder *child = conmon_folder_child(folder, name);
        _cleanup_close_ int child_fd = -ENOENT;
        bool is_new = !child;
        int r;

        if (is_new) {
                r = conmon_folder_new(&look->folders, folder, kind, name, &child);
                if (r < 0) {
                        conmon_look_failed(look, folder, r);
                        return;
                }
        }
        child->found = true;
        if (kind == CONMON_EXIT_FILE) {
                read_container_exit(look, child, fd);
                return;
        }

        if (fd >= 0)
                child_fd = conmon_folder_open_at(fd, name);
        if (is_new && kind == CONMON_SESSION)
                conmon_session_made(look, child, child_fd);
        /* One that is gone again: inotify will say so. */
        if (child_fd >= 0)
                conmon_look_into(look, child, child_fd);
        else if (!is_gone(child_fd))
                conmon_look_failed(look, child, child_fd);
}

/* DT_UNKNOWN is what some file systems say of everything. */
static bool is_kind(int fd, const struct dirent *entry, ConmonFolderKind kind)
{
        if (kind == CONMON_EXIT_FILE)
                return true;
        return entry->d_type == DT_DIR ||
               (entry->d_type == DT_UNKNOWN && is_there(fd, entry->d_name, S_IFDIR));
}

/* Returns 0 if all was seen. */
static int list(ConmonLook *look, ConmonFolder *folder, int fd)
{
        _cleanup_close_ int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *dir = NULL;
        const struct dirent *entry;
        size_t n = 0;

        if (readable < 0)
                return -errno;
        dir = fdopendir(readable);
        if (!dir)
                return -errno;
        TAKE_FD(readable);

        for (errno = 0; (entry = readdir(dir)); errno = 0) {
                ConmonFolderKind kind = kind_of(folder, entry->d_name);

                if (++n > CONMON_ENTRIES_MAX)
                        return -ENOBUFS;
                if (kind != CONMON_FOLDER_KIND_MAX && is_kind(fd, entry, kind))
                        came(look, folder, fd, kind, entry->d_name);
        }
        return -errno;
}

static void look_at_list(ConmonLook *look, ConmonFolder *folder, int fd)
{
        int r;

        for (ConmonFolder *child = folder->first; child; child = child->next)
                child->found = false;
        r = list(look, folder, fd);
        if (r == 0)
                drop_what_was_not_found(look, folder);
        else if (!is_gone(r))
                conmon_look_failed(look, folder, r);
}

static void look_at_container(ConmonLook *look, ConmonFolder *container, int fd)
{
        if (is_there(fd, "userdata", S_IFDIR))
                came(look, container, fd, CONMON_BUNDLE, "userdata");
        else
                conmon_look_empty(look, container);
}

static void look_at_session(ConmonLook *look, ConmonFolder *session, int fd)
{
        if (is_there(fd, "exec_pid", S_IFREG))
                conmon_session_started(look, session);
        if (is_there(fd, "exit", S_IFDIR))
                came(look, session, fd, CONMON_EXIT, "exit");
        if (session->started)
                conmon_session_follow(look, session, fd);
}

/* The code is all that was wanted; the session's end is told by the folder above. */
static void unwatch_session(ConmonLook *look, ConmonFolder *session)
{
        conmon_folder_unwatch(&look->folders, session);
        for (ConmonFolder *exit = session->first; exit; exit = exit->next)
                conmon_folder_unwatch(&look->folders, exit);
}

/* Returns true if the file is gone, or never was. What is not conmon's says nothing. */
static bool read_exit(ConmonLook *look, ConmonFolder *folder, int fd)
{
        int r;

        r = fd < 0 ? -ENOENT : conmon_session_read_exit(look, folder->parent, fd);
        if (r >= 0)
                unwatch_session(look, folder->parent);
        else if (!is_gone(r) && r != -EBADMSG)
                conmon_look_failed(look, folder, r);
        return is_gone(r);
}

static void watch_it(ConmonLook *look, ConmonFolder *folder, int fd)
{
        int r;

        r = conmon_folder_watch(&look->folders, folder, fd);
        if (r < 0 && !is_gone(r) && r != -EEXIST)
                conmon_look_failed(look, folder, r);
        if (r > 0 && folder->kind == CONMON_BUNDLE)
                look->unseen = true;
}

void conmon_look_into(ConmonLook *look, ConmonFolder *folder, int fd)
{
        if (folder->kind == CONMON_SESSION && folder->exited)
                return;

        /* First: what comes while we look is told twice, and not never. */
        watch_it(look, folder, fd);
        switch (folder->kind) {
        case CONMON_CONTAINER:
                look_at_container(look, folder, fd);
                break;
        case CONMON_SESSION:
                look_at_session(look, folder, fd);
                break;
        case CONMON_EXIT:
                (void)read_exit(look, folder, fd);
                break;
        default:
                if (!look->settling || folder->kind < CONMON_BUNDLE)
                        look_at_list(look, folder, fd);
        }
}

/* ---- what inotify says ---- */

static void on_session_file(ConmonLook *look, ConmonFolder *session, int fd, const char *name)
{
        if (strcmp(name, "exec_pid") != 0)
                return;
        conmon_session_started(look, session);
        if (fd >= 0)
                conmon_session_follow(look, session, fd);
}

/* The file proves that the session ended, also when it is gone before we could read it. */
static void on_exit_file(ConmonLook *look, ConmonFolder *folder, int fd, const char *name)
{
        ConmonFolder *session = folder->parent;

        if (strcmp(name, conmon_container_of(session)->name) != 0)
                return;
        if (!read_exit(look, folder, fd))
                return;
        conmon_session_started(look, session);
        conmon_session_missed(look, session);
}

void conmon_look_came(ConmonLook *look, ConmonFolder *folder, const char *name, bool is_folder)
{
        ConmonFolderKind kind = kind_of(folder, name);
        bool is_file = kind == CONMON_EXIT_FILE || kind == CONMON_FOLDER_KIND_MAX;
        _cleanup_close_ int fd = -1;

        if (is_folder == is_file || (is_file && folder->kind != CONMON_EXITS &&
                                     folder->kind != CONMON_SESSION && folder->kind != CONMON_EXIT))
                return;

        look->unseen |= folder->kind < CONMON_BUNDLE;
        fd = conmon_folder_open(folder);
        if (!is_file)
                came(look, folder, fd, kind, name);
        else if (folder->kind == CONMON_SESSION)
                on_session_file(look, folder, fd, name);
        else if (folder->kind == CONMON_EXIT)
                on_exit_file(look, folder, fd, name);
        else if (kind == CONMON_EXIT_FILE && fd >= 0)
                came(look, folder, fd, kind, name);
}

void conmon_look_went(ConmonLook *look, ConmonFolder *folder, const char *name, bool is_folder)
{
        ConmonFolder *child = conmon_folder_child(folder, name);

        if (child)
                drop(look, child);
        else if (is_folder && folder->kind == CONMON_BUNDLE && conmon_is_id(name))
                look->listener.gone(conmon_container_of(folder)->name, name,
                                    look->listener.userdata);
        else if (is_folder && folder->kind == CONMON_DRIVER && conmon_is_id(name))
                look->listener.container_gone(name, look->listener.userdata);
}
