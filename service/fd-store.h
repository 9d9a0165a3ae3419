/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * FdStore: file descriptors that systemd keeps for us while we are restarted
 * (FileDescriptorStoreMax= in systemd.service(5)). Under anything else nothing is kept.
 */

/*
 * Takes the one of that name that was kept, and closes all others that we were given, of which
 * nobody knows. To be called once, before descriptors are opened. Returns -ENOENT if there is none.
 * The caller owns it.
 */
int fd_store_take(const char *name);

/* Has it kept, beside what is kept of that name. It stays the caller's. Returns 0 if nobody keeps
 * anything, or negative errno. */
int fd_store_keep(const char *name, int fd);
