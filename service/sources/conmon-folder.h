/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folders of a storage that are watched, as a tree, and by the numbers that inotify gave them.
 * Below a root no link is followed, each part of a path is opened in the one above it: who owns one
 * folder leads nobody to another.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

/*
 * All that are remembered. A storage has some thousands; what Podman left behind after crashes may
 * be many sessions more. So many are some 50 MiB, and what is beyond is not listened to.
 */
#define CONMON_FOLDERS_MAX 100000

typedef enum ConmonFolderKind {
        CONMON_GRAPHROOT, /* holds drivers */
        CONMON_DRIVER,    /* DRIVER-containers: holds containers */
        CONMON_CONTAINER, /* holds its bundle */
        CONMON_BUNDLE,    /* userdata: holds sessions */
        CONMON_SESSION,   /* holds exec_pid and exit */
        CONMON_EXIT,      /* of a session: holds its exit file, in the end */
        CONMON_EXITS,     /* TMPDIR/exits: holds the exit files of containers */
        CONMON_EXIT_FILE, /* of a container, which was told; no folder, and not watched */
        CONMON_FOLDER_KIND_MAX,
} ConmonFolderKind;

typedef struct ConmonFolder ConmonFolder;

typedef struct ConmonFolders {
        int inotify; /* weak; -1: what is watched stays so */
        void *by_wd; /* owned: tsearch(3) */
        size_t n;
} ConmonFolders;

struct ConmonFolder {
        ConmonFolder *parent;   /* weak; NULL: a root */
        ConmonFolder *first;    /* owned: what it holds, the newest first */
        ConmonFolder *next;     /* owned by the parent */
        ConmonFolder **pointer; /* weak: what points to this one */
        void *by_name;          /* owned: what it holds, tsearch(3) */
        ConmonFolderKind kind;
        int wd;     /* -1: not watched */
        bool found; /* by the look at its parent that is going on */

        /* Which one it is: of a root the folder, of an exit file the file that was told. */
        dev_t device;
        ino_t inode;
        uint64_t nsec;

        /* Of a session. */
        bool started, exited, ended; /* each was told */
        bool is_proved;              /* the process is the session's */
        sd_event_source *process;    /* owned: its pidfd */
        void *follower;              /* weak: who made it */

        char name[]; /* of a root its path */
};

/* Returns -ENOBUFS if there are too many, -ENOMEM. "parent" is NULL for a root. */
int conmon_folder_new(ConmonFolders *folders, ConmonFolder *parent, ConmonFolderKind kind,
                      const char *name, ConmonFolder **ret);

/* With all that it holds. Takes NULL; returns NULL. */
ConmonFolder *conmon_folder_free(ConmonFolders *folders, ConmonFolder *folder);

/* What it holds under a name, or NULL. */
ConmonFolder *conmon_folder_child(const ConmonFolder *folder, const char *name);

/* What inotify calls so, or NULL. */
ConmonFolder *conmon_folder_by_wd(const ConmonFolders *folders, int wd);

/* With O_PATH. Returns a descriptor, or negative errno. */
int conmon_folder_open(const ConmonFolder *folder);
int conmon_folder_open_at(int parent, const char *name);

/*
 * Watches it, which is open as "fd". Returns 1 if it was watched by nobody until now, 0 if it was,
 * -EEXIST if it is also another folder of the tree, or what inotify says.
 */
int conmon_folder_watch(ConmonFolders *folders, ConmonFolder *folder, int fd);

void conmon_folder_unwatch(ConmonFolders *folders, ConmonFolder *folder);

/* inotify said that it watches it no longer. */
void conmon_folder_ignored(ConmonFolders *folders, ConmonFolder *folder);
