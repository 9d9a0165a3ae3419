/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/podman-front-ends.h"

#include <stddef.h>
#include <string.h>

void podman_front_ends_began(PodmanFrontEnds *ends, uint32_t pid, const char *container,
                             const char *session)
{
        PodmanFrontEnd *end;

        if (pid == 0)
                return;
        for (size_t i = 0; i < PODMAN_FRONT_ENDS_MAX; i++)
                if (ends->ring[i].pid == pid)
                        ends->ring[i].pid = 0;
        if (!session || strlen(session) >= PODMAN_ID_SIZE || strlen(container) >= PODMAN_ID_SIZE)
                return;

        end = ends->ring + ends->next++ % PODMAN_FRONT_ENDS_MAX;
        end->pid = pid;
        strcpy(end->container, container);
        strcpy(end->session, session);
}

const char *podman_front_ends_session(const PodmanFrontEnds *ends, uint32_t pid,
                                      const char *container)
{
        for (size_t i = 0; pid > 0 && i < PODMAN_FRONT_ENDS_MAX; i++)
                if (ends->ring[i].pid == pid && strcmp(ends->ring[i].container, container) == 0)
                        return ends->ring[i].session;
        return NULL;
}
