/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process of an exec session. The kernel keeps how a process ended for whoever has a descriptor
 * of it, also when its parent, conmon, was told and the process is gone: so the code is known
 * though nobody read conmon's exit file while that was there.
 *
 * A number is not yet the process: it may have been given to another one meanwhile, or count in
 * another PID namespace, as that of a Podman in a container. So a code is taken only of a process
 * whose parent runs, or just ran, the session: its command line names the session's exec_pid.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * Opens the process whose number is in the session's exec_pid; "folder" is the session's.
 * "ret_is_proved" tells whether it is known to be the session's: then it reports EPOLLHUP when it
 * has ended and its parent knows, from which on there is a code. Returns a descriptor, -ESRCH if it
 * has ended, or as conmon_file_read_pid().
 */
int conmon_process_open(int folder, const char *session, bool *ret_is_proved);

/*
 * The code, as conmon writes it: the status with which it exited, or 128 and the signal that ended
 * it. Returns 0, -EAGAIN if its parent does not know yet, -ESRCH if the kernel does not say it
 * (before Linux 6.15).
 */
int conmon_process_code(int process, int32_t *ret);
