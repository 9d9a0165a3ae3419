/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A look into the folders of a storage: what is there is compared with what is known of it, the
 * difference is told to the listener, and what may bring more is watched. Looking again is
 * harmless: everything is told once.
 */

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

#include "sources/conmon-folder.h"
#include "sources/conmon-watch.h"

/*
 * Processes of sessions that are followed at the same time, each with a descriptor; but never more
 * than a quarter of the descriptors that we may have. The end of the others is known from their
 * exit file alone.
 */
#define CONMON_PROCESSES_MAX 1024

/* Entries of a folder that are read: more than there can be folders to remember. */
#define CONMON_ENTRIES_MAX (2 * CONMON_FOLDERS_MAX)

typedef struct ConmonLook {
        sd_event *loop; /* weak */
        ConmonListener listener;
        char *tmp_dir; /* owned */
        ConmonFolders folders;
        ConmonFolder *graphroot, *exits; /* owned */
        size_t n_processes, processes_max;

        bool was_there; /* what is found was there before we looked */
        bool settling;  /* what waits in inotify comes before what is in the bundles */
        bool unseen;    /* while settling: something was not watched while we were away */
        bool starved;   /* something could not be watched for want of memory or descriptors */
        bool told;      /* that something cannot be watched */
} ConmonLook;

/* Says that something does not work; once, until "told" is cleared. */
void conmon_look_failed(ConmonLook *look, const ConmonFolder *folder, int error);

/* Looks into a folder, which is open as "fd". */
void conmon_look_into(ConmonLook *look, ConmonFolder *folder, int fd);

/* There is something new in the folder, or under a new name. */
void conmon_look_came(ConmonLook *look, ConmonFolder *folder, const char *name, bool is_folder);

/* It is gone, or has another name. */
void conmon_look_went(ConmonLook *look, ConmonFolder *folder, const char *name, bool is_folder);

/* All that the folder holds is gone. */
void conmon_look_empty(ConmonLook *look, ConmonFolder *folder);
