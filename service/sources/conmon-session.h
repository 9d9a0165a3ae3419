/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The life of an exec session, as its folder tells it: each step once, and in order.
 */

#include "sources/conmon-look.h"

/* "fd" is the folder, or negative if it is gone already. */
void conmon_session_made(ConmonLook *look, const ConmonFolder *session, int fd);

void conmon_session_started(ConmonLook *look, ConmonFolder *session);

/* Follows the process in its exec_pid, if that is worth it. */
void conmon_session_follow(ConmonLook *look, ConmonFolder *session, int fd);

/* Reads the exit file, if it is there; "fd" is the folder that holds it. Returns as
 * conmon_file_read_code(). */
int conmon_session_read_exit(ConmonLook *look, ConmonFolder *session, int fd);

/* It ended, and its exit file is gone before it was read: what is known of the process counts. */
void conmon_session_missed(ConmonLook *look, ConmonFolder *session);

void conmon_session_gone(ConmonLook *look, ConmonFolder *session);

/* The container that a folder is in, or is. */
const ConmonFolder *conmon_container_of(const ConmonFolder *folder);
