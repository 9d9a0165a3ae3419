/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where Podman has its storage, by the rules of containers-storage.conf(5): of the files that there
 * may be one counts, and not the sum of them. What is given on Podman's command line (--root)
 * nobody else knows, nor what its database remembers of an earlier configuration.
 */

#include <stdbool.h>

/*
 * graphroot, of a user else rootless_storage_path, else the default: it holds the folders of
 * containers. (With transient_store they are below runroot instead; that is not looked at.) "user":
 * of the user that we run as, else root's. Returns -ENXIO if there is no such place (no HOME),
 * -ENOMEM. The caller owns the path, which is absolute if the configuration is any good.
 */
int podman_graph_root(bool user, char **ret);
