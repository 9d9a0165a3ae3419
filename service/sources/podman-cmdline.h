/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which of the Podman processes wrote an entry of the journal, by the command line that journald
 * notes of it. Conmon starts "podman ... container cleanup --exec SESSION CONTAINER" when an exec
 * session ends, which is where its ID is said.
 *
 * It is a hint: whoever writes the entry has its own command line in its hands, and journald keeps
 * what it knows of a process for a second. It says nothing about anybody but the user of the entry.
 */

#include "sources/exec-book.h"

/* Of a container and of an exec session: hex digits, its NUL included. */
#define PODMAN_ID_SIZE 65

/* "cmdline" is what journald noted, or "" where it came too late; "container" the full ID in the
 * entry. The session is "" unless the command names one of this very container. */
ExecWriter podman_cmdline_parse(const char *cmdline, const char *container,
                                char ret_session[static PODMAN_ID_SIZE]);
