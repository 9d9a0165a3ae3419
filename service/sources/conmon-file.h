/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The small files that conmon writes, each a number. Whoever owns the folder may have put something
 * else there: links are not followed, a pipe is not waited for, and only a few bytes are read.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A container or an exec session in full: 64 hex digits, in lower case. */
bool conmon_is_id(const char *name);

/*
 * An exit file: the code, -1 to 255, and when it was written (CLOCK_REALTIME). Returns -ENOENT if
 * it is not there, -EBADMSG if it is not of conmon's making, or what the file system says.
 */
int conmon_file_read_code(int folder, const char *name, int32_t *ret_code, uint64_t *ret_nsec);

/* A process. Returns as above. */
int conmon_file_read_pid(int folder, const char *name, pid_t *ret);
