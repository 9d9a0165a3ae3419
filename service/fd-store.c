/* SPDX-License-Identifier: Apache-2.0 */
#include "fd-store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "base/cleanup.h"

#define MESSAGE_SIZE 128

int fd_store_take(const char *name)
{
        _cleanup_close_ int found = -1;
        char **names = NULL;
        int n;

        n = sd_listen_fds_with_names(true, &names);
        if (n <= 0)
                return n < 0 ? n : -ENOENT;

        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (found < 0 && strcmp(names[i], name) == 0)
                        found = fd;
                else
                        close(fd);
                free(names[i]);
        }
        free(names);
        return found < 0 ? -ENOENT : TAKE_FD(found);
}

int fd_store_keep(const char *name, int fd)
{
        char message[MESSAGE_SIZE];

        /* Not watched by systemd for errors: it would let go of what is of no use to it. */
        snprintf(message, sizeof(message), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
        return sd_pid_notify_with_fds(0, false, message, &fd, 1);
}
